/**
 * Page routes: the console. Plain forms and links do everything; htmx and the live stream only make it quicker. A GET
 * changes nothing.
 */
import type { FastifyInstance, FastifyRequest } from "fastify"
import { Reject } from "../../base/errors.ts"
import { idOf } from "../../base/ids.ts"
import type { Log } from "../../base/log.ts"
import type { GitHubApps } from "../../channels/github/app.ts"
import type { Config } from "../../config/config.ts"
import { approvalInput, approvalParams } from "../../contract/conversation/approvals.ts"
import { messageInput } from "../../contract/conversation/messages.ts"
import { runParams, runsQuery } from "../../contract/conversation/runs.ts"
import { uncertainInput, uncertainParams } from "../../contract/conversation/uncertain-deliveries.ts"
import { pairingInput } from "../../contract/installation/people.ts"
import type { DemoResult } from "../../contract/work/demo.ts"
import type { Db } from "../../db/db.ts"
import type { Notifier } from "../../queue/notifier.ts"
import type { Pairing } from "../../thread/inbox/pairing.ts"
import { messagesOf } from "../../thread/outbox/conversation.ts"
import { uncertainDeliveries } from "../../thread/outbox/uncertain-deliveries.ts"
import type { Sessions } from "../../thread/people/sessions.ts"
import { findRun, listRuns, openApprovalRecords } from "../../thread/runs/trace.ts"
import type { Features } from "../api/api.ts"
import { answerApproval } from "../api/approvals.ts"
import { type Conversation, WEB_THREAD } from "../api/conversation.ts"
import type { EventStreams } from "../api/streams.ts"
import { resolveUncertain } from "../api/uncertain-deliveries.ts"
import type { Auth } from "../auth.ts"
import { type Assets, mountAssets } from "./assets.ts"
import { mountAppPages, mountAppReturn } from "./github-app.ts"
import { approvalsPart, demoPart, type HomePage, homeBody, logPart, runsPart } from "./home.ts"
import { layout } from "./layout.ts"
import { ownerZone } from "./owner-zone.ts"
import { pairPart } from "./pairing.ts"
import { runBody } from "./run.ts"
import { signInBody } from "./start.ts"
import { mountStart } from "./start-routes.ts"

export interface PageDeps {
  db: Db
  auth: Auth
  sessions: Sessions
  features: Features
  conversation: Conversation
  notifier: Pick<Notifier, "notify">
  streams: EventStreams
  log: Log
  linksPerMinute: number
  config: Pick<Config, "PUBLIC_URL">
  /** Makes GitHub Apps; without it there are no pages for that. */
  apps?: GitHubApps
}

const MESSAGES = 100
const HOME_RUNS = 12
const PAGE_RUNS = 50
const HTML = "text/html; charset=utf-8"

const thread = idOf(WEB_THREAD)
const wordsInput = messageInput.pick({ text: true })
const isHtmx = (request: FastifyRequest) => request.headers["hx-request"] === "true"

export function mountPages(app: FastifyInstance, deps: PageDeps): void {
  const assets = mountAssets(app)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser("application/x-www-form-urlencoded", { parseAs: "string" }, (_request, body, done) =>
    done(null, Object.fromEntries(new URLSearchParams(String(body)))),
  )
  mountStart(app, deps, assets)
  const { apps, config } = deps
  const pages = {
    publicUrl: config.PUBLIC_URL,
    page: (title: string, body: string, isOwner: boolean) => page(assets, title, body, isOwner),
  }
  if (apps) mountAppReturn(app, pages)
  app.register((scope, _options, done) => {
    mountConsole(scope, deps, assets)
    if (apps) mountAppPages(scope, { ...pages, apps })
    done()
  })
}

function mountConsole(app: FastifyInstance, deps: PageDeps, assets: Assets): void {
  const { auth, db, conversation } = deps
  app.addHook("onRequest", async (request, reply) => {
    try {
      await auth.admit(request)
    } catch (error) {
      if (!(error instanceof Reject) || request.method !== "GET" || isHtmx(request)) throw error
      return reply
        .code(error.status)
        .type(HTML)
        .send(page(assets, "Sign in", signInBody(error.message), false))
    }
  })

  app.get("/", async (_request, reply) => reply.type(HTML).send(page(assets, "Vigil", homeBody(await homeOf(deps)))))

  app.post("/messages", async (request, reply) => {
    const { text } = wordsInput.parse(request.body)
    await conversation.say({ text })
    if (!isHtmx(request)) return reply.redirect("/", 303)
    return reply.type(HTML).send(logPart(await chatOf(db)))
  })

  app.post("/approvals/:code", async (request, reply) => {
    const { code } = approvalParams.parse(request.params)
    await answerApproval(deps, code, approvalInput.parse(request.body))
    if (!isHtmx(request)) return reply.redirect("/", 303)
    return reply.type(HTML).send(approvalsPart(await needsOf(db)))
  })

  app.post("/doubts/:id", async (request, reply) => {
    const { id } = uncertainParams.parse(request.params)
    await resolveUncertain(deps, id, uncertainInput.parse(request.body).verdict)
    if (!isHtmx(request)) return reply.redirect("/", 303)
    return reply.type(HTML).send(approvalsPart(await needsOf(db)))
  })

  app.post("/demo", async (request, reply) => {
    const demo = await deps.features.runDemo()
    reply.type(HTML)
    return reply.send(isHtmx(request) ? demoPart(demo) : page(assets, "Vigil", homeBody(await homeOf(deps, { demo }))))
  })

  app.post("/pairings", async (request, reply) => {
    const pairing = await deps.features.pair(pairingInput.parse(request.body).name)
    const part = isHtmx(request) ? pairPart(pairing, await ownerZone(db)) : null
    return reply.type(HTML).send(part ?? page(assets, "Vigil", homeBody(await homeOf(deps, { pairing }))))
  })

  app.get("/runs", async (request, reply) => {
    const { before } = runsQuery.pick({ before: true }).parse(request.query)
    const runs = await listRuns(db, { limit: PAGE_RUNS, before })
    const older = runs.length === PAGE_RUNS ? `<p><a href="/runs?before=${runs.at(-1)?.id ?? ""}">Older</a></p>` : ""
    const body = `<h1>Runs</h1>${runsPart({ runs, zone: await ownerZone(db) })}${older}`
    return reply.type(HTML).send(page(assets, "Runs", body))
  })

  app.get("/runs/:id", async (request, reply) => {
    const { id } = runParams.parse(request.params)
    const run = await findRun(db, id)
    if (!run) throw new Reject(404, "there is no such run", { code: "not_found" })
    return reply.type(HTML).send(page(assets, `Run: ${run.trigger}`, runBody(run, await ownerZone(db))))
  })

  app.get("/live", async (request, reply) => {
    deps.streams.follow(request, reply, { concerns: () => true, look: watchHome(db) })
    return reply
  })

  app.post("/signout", async (request, reply) => {
    await auth.takeCookie(request, reply)
    return reply.redirect("/", 303)
  })
}

/** Sends each part of the home page that changed since it was sent last. */
function watchHome(db: Db) {
  const sent = new Map<string, string>()
  return async (send: (event: { data: string }) => void) => {
    const chat = await chatOf(db)
    const parts = {
      log: logPart(chat),
      approvals: approvalsPart(await needsOf(db)),
      runs: runsPart({ runs: await listRuns(db, { limit: HOME_RUNS }), zone: chat.zone }),
    }
    const changed = Object.entries(parts).filter(([id, part]) => sent.get(id) !== part)
    for (const [id, part] of changed) sent.set(id, part)
    if (changed.length > 0) send({ data: changed.map(([id, part]) => partial(id, part)).join("") })
  }
}

function partial(id: string, part: string): string {
  return `<hx-partial hx-target="#${id}" hx-swap="innerMorph">${part}</hx-partial>`
}

async function needsOf(db: Db): Promise<Pick<HomePage, "approvals" | "uncertain" | "zone">> {
  return {
    approvals: await openApprovalRecords(db),
    uncertain: await uncertainDeliveries(db),
    zone: await ownerZone(db),
  }
}

async function chatOf(db: Db): Promise<Pick<HomePage, "messages" | "zone">> {
  return { messages: await messagesOf(db, thread, { limit: MESSAGES }), zone: await ownerZone(db) }
}

async function homeOf(
  { db, features, log }: PageDeps,
  made: { demo?: DemoResult; pairing?: Pairing } = {},
): Promise<HomePage> {
  const status = await features.status().catch((error: unknown) => {
    log.warn("status_failed", { error })
    return null
  })
  return {
    ...(await chatOf(db)),
    ...(await needsOf(db)),
    runs: await listRuns(db, { limit: HOME_RUNS }),
    status,
    ...made,
  }
}

function page(assets: Assets, title: string, body: string, isOwner = true): string {
  return layout({ title, assets, body, isOwner })
}
