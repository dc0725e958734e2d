/**
 * E-mail: the channel made of the other files of this folder. Mail goes out over SMTP and comes in as the raw message that a
 * mail receiver posts. The sender of a mail is believed only when that receiver vouches for them.
 */
import { type Clock, systemClock } from "../../base/clock.ts"
import { Deny, Misconfigured } from "../../base/errors.ts"
import type { Channel, RawRequest } from "../channel.ts"
import { isSigned, SIGNATURE_HEADER } from "../signature.ts"
import { readAddress } from "./address.ts"
import { parseEmail, type Received } from "./parse.ts"
import { type MailSender, sendEmail } from "./send.ts"
import { greet } from "./smtp.ts"

export interface EmailSettings {
  /** `smtps://user:password@host:465`, or `smtp://` for a server that changes to TLS after the first words. */
  smtpUrl: string
  /** `vigil@example.com` or `Vigil <vigil@example.com>`. */
  from: string
  /** The secret of the webhook. Without it there is no webhook, and no mail comes in. */
  webhookSecret?: string
  /** The name of our mail receiver in `Authentication-Results`. Without it no sender is believed. */
  authservId?: string
}

export interface Email extends Channel {
  readonly id: "email"
  /** Reads a posted mail. Throws `Deny` when the signature is missing, old or wrong. Null without a secret. */
  readonly webhook: ((request: RawRequest) => Promise<Received>) | null
}

/** UTF-16 units in one mail. Nobody reads a longer one. */
const MAX_TEXT = 200_000

/** Throws `Misconfigured` when `from` holds no mail address. */
export function createEmail(settings: EmailSettings, clock: Clock = systemClock): Email {
  const { smtpUrl, webhookSecret: secret = "", authservId } = settings
  const sender: MailSender = { smtpUrl, ...readFrom(settings.from) }
  const us = { address: sender.address, ...(authservId === undefined ? {} : { authservId }) }
  const inbound =
    secret === ""
      ? "; receives nothing: set EMAIL_WEBHOOK_SECRET"
      : authservId === undefined
        ? "; believes no sender: set EMAIL_AUTHSERV_ID"
        : ""

  async function receive(request: RawRequest): Promise<Received> {
    if (!isSigned(secret, request.headers[SIGNATURE_HEADER], request.bytes, clock.now())) {
      throw new Deny("the mail's signature is missing, old or wrong", {
        code: "bad_signature",
        fix: "Sign with EMAIL_WEBHOOK_SECRET: X-Vigil-Signature: t=<unix>,v1=<hex HMAC-SHA256 of t.body>.",
      })
    }
    return await parseEmail(request.bytes, us)
  }

  return {
    id: "email",
    capabilities: { maxText: MAX_TEXT, buttons: false, typing: false, once: true },
    // The limits of providers differ widely. This one is below every limit that is known.
    rateLimits: () => [{ key: "all", burst: 10, everyMs: 2000, units: 1 }],
    webhook: secret === "" ? null : receive,
    send: async (message) => await sendEmail(sender, message, clock.now()),
    async probe(signal) {
      await greet(smtpUrl, signal)
      return `${sender.address}${inbound}`
    },
  }
}

function readFrom(from: string): { address: string; name: string } {
  const [, name = "", bracketed] = /^\s*"?([^"<>]*?)"?\s*<([^<>]+)>\s*$/.exec(from) ?? []
  const address = readAddress(bracketed ?? from)
  if (address !== null) return { address, name: name === "" ? "Vigil" : name }
  throw new Misconfigured(`EMAIL_FROM is "${from}", which is not a mail address`, {
    fix: "Set EMAIL_FROM like vigil@example.com or Vigil <vigil@example.com>.",
  })
}
