/** The one-time link: GET only looks, POST uses it up and gives the browser its session. */
import type { FastifyInstance, FastifyReply } from "fastify"
import { z } from "zod"
import type { Sessions } from "../../thread/people/sessions.ts"
import type { Auth } from "../auth.ts"
import type { Assets } from "./assets.ts"
import { layout } from "./layout.ts"
import { confirmBody, deadLinkBody } from "./start.ts"

const HTML = "text/html; charset=utf-8"
const link = z.object({ k: z.string().max(200).catch("") })

export function mountStart(
  app: FastifyInstance,
  deps: { auth: Auth; sessions: Sessions; linksPerMinute: number },
  assets: Assets,
): void {
  const { auth, sessions } = deps
  const config = { rateLimit: { max: deps.linksPerMinute, timeWindow: 60_000, groupId: "links" } }
  const show = (reply: FastifyReply, status: number, body: string) =>
    reply
      .code(status)
      .type(HTML)
      .send(layout({ title: "Sign in", assets, body, isOwner: false }))

  app.get("/start", { config }, async (request, reply) => {
    const { k } = link.parse(request.query)
    return (await sessions.isLink(k)) ? show(reply, 200, confirmBody(k)) : show(reply, 410, deadLinkBody())
  })
  app.post("/start", { config }, async (request, reply) => {
    auth.needSameOrigin(request)
    const session = await sessions.redeem(link.parse(request.body ?? {}).k)
    if (!session) return show(reply, 410, deadLinkBody())
    auth.giveCookie(reply, session)
    return reply.redirect("/", 303)
  })
}
