/**
 * Raw route: a POST whose handler gets the body exactly as it came, since signatures cover its bytes. Every delivery is
 * counted with what became of it. Nobody makes us hold many large bodies at once, and what carries no proof is not read.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify"
import { Deny, Reject } from "../../base/errors.ts"
import type { Log } from "../../base/log.ts"
import type { RawRequest } from "../../channels/channel.ts"
import type { Email } from "../../channels/email/email.ts"
import type { GitHubWebhook } from "../../channels/github/webhook.ts"
import type { Sms } from "../../channels/sms/sms.ts"
import type { Telegram } from "../../channels/telegram/telegram.ts"
import type { Notifier } from "../../queue/notifier.ts"
import type { Inbox } from "../../thread/inbox/inbox.ts"
import type { Intake } from "../../thread/inbox/intake.ts"
import type { Outbox } from "../../thread/outbox/outbox.ts"
import type { Counters } from "../counters.ts"
import type { BodyBudget } from "./body-budget.ts"

export interface WebhookDeps {
  channels: { telegram?: Telegram; sms?: Sms; email?: Email; github?: GitHubWebhook | null }
  intake: Intake
  inbox: Inbox
  outbox: Pick<Outbox, "reported">
  notifier: Notifier
  counters: Counters
  log: Log
  /** Deliveries a minute from one address; more are answered 429. */
  perMinute: number
  bodies: BodyBudget
}

export interface RawRoute {
  path: string
  /** The header that must be there; what it says is the handler's to check. */
  proof: string
  /** The content types that are read. */
  type: string | string[]
  /** Bytes. */
  bodyLimit: number
  /** Status for a missing or wrong signature. */
  unsigned: 401 | 403
}

export interface Delivered {
  /** For the counter: accepted, duplicate, stranger, ... */
  outcome: string
  status: number
  type: string
  body: string
}

export function mountRaw(
  app: FastifyInstance,
  { counters, perMinute, bodies }: Pick<WebhookDeps, "counters" | "perMinute" | "bodies">,
  { path, proof, type, bodyLimit, unsigned }: RawRoute,
  handle: (request: RawRequest) => Promise<Delivered>,
): void {
  const channel = path.split("/")[2] ?? ""
  const count = (outcome: string) => counters.add("vigil_webhooks_total", { channel, outcome })
  const refuse = (error: unknown) => {
    count(error instanceof Deny || error instanceof Reject ? "rejected" : "failed")
    return error instanceof Deny ? refusalOf(error, unsigned) : error
  }
  /** Before the body is read. */
  const look = (request: FastifyRequest, reply: FastifyReply) => {
    if (request.headers[proof] === undefined)
      throw new Deny(`the header ${proof} is missing`, { code: "bad_signature", fix: "Sign what you send." })
    // More than the limit is refused by its length, without being read.
    bodies.take(reply, Math.min(Number(request.headers["content-length"] ?? bodyLimit), bodyLimit))
  }
  const config = { rateLimit: { max: perMinute, timeWindow: 60_000, groupId: "webhooks" } }
  app.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser(type, { parseAs: "buffer", bodyLimit }, (_request, body, read) => read(null, body))
    const preParsing = async (request: FastifyRequest, reply: FastifyReply) => {
      try {
        look(request, reply)
      } catch (error) {
        // Nobody reads what still comes on this connection.
        reply.header("connection", "close")
        throw refuse(error)
      }
    }
    scope.post(path, { bodyLimit, config, preParsing }, async (request, reply) => {
      try {
        const answer = await handle(rawOf(request))
        count(answer.outcome)
        return reply.code(answer.status).type(answer.type).send(answer.body)
      } catch (error) {
        throw refuse(error)
      }
    })
    done()
  })
}

function refusalOf(error: Deny, status: number): Reject {
  const { code, fix, message } = error
  return new Reject(status, message, { code, ...(fix === undefined ? {} : { fix }), cause: error })
}

function rawOf({ url, headers, body }: FastifyRequest): RawRequest {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.alloc(0)
  return { url, headers, bytes, body: bytes.toString("utf8") }
}
