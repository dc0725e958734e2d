/**
 * App: the composition root, the one room that knows every other. It makes each part from the parts below it and
 * hands upward what is needed there as a function; it decides nothing itself.
 */
import { randomBytes } from "node:crypto"
import { existsSync, readFileSync } from "node:fs"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import type { FastifyInstance } from "fastify"
import { newId } from "../base/ids.ts"
import { makeOnce } from "../base/once-file.ts"
import { paced } from "../base/periodic.ts"
import type { GitHubWebhook } from "../channels/github/webhook.ts"
import { type Channels, openChannels } from "../channels/open.ts"
import type { Features } from "../http/api/feature-access.ts"
import { createServer, startLink } from "../http/server.ts"
import { ensureSystemAutomations } from "../schedule/automations/system-automations.ts"
import { createTicker } from "../schedule/automations/ticker.ts"
import { expireWaits } from "../thread/approvals/approval.ts"
import { forgetCodes } from "../thread/inbox/pairing.ts"
import { withFallback } from "../thread/outbox/fallback.ts"
import { withOptOut } from "../thread/outbox/opt-out.ts"
import { createProgressLines } from "../thread/outbox/progress.ts"
import { heldUntil } from "../thread/outbox/quiet-hours.ts"
import { createLeases } from "../thread/runs/lease.ts"
import { createPresence, type Presence } from "../worker/presence/typing.ts"
import { type ButtonDeps, type CloseQuestion, createButtonClearing } from "../worker/sending/buttons.ts"
import { createFates } from "../worker/sending/delivery-reconciler.ts"
import { createSender } from "../worker/sending/sender.ts"
import { createThrottle } from "../worker/sending/throttle.ts"
import { startWorker } from "../worker/worker.ts"
import { commandsOf, openMind } from "./agent.ts"
import { openChannelDesk } from "./channels/channel-admin.ts"
import { openGitHubApps } from "./channels/github-app.ts"
import { listenIn, withTrouble } from "./channels/listening.ts"
import { runDemo } from "./demo.ts"
import { type FeatureDeps, openFeatures, statusLine } from "./features.ts"
import { type AppOptions, type Ground, openGround } from "./infrastructure.ts"
import { openModel, openStores, type Stores } from "./stores.ts"
import { openTriage } from "./triage.ts"
import { VERSION } from "./version.ts"

/** Runs at the same time in one process. */
const CONCURRENCY = 8
/** System automations follow the owner's zone this soon after it becomes known. */
const ZONE_LOOK_MS = 60_000
const FATES_MS = 15_000
const CODES_MS = 10_000

export interface App extends Pick<FeatureDeps, "ground" | "channels" | "model"> {
  /** Where it listens. */
  url: string
  server: FastifyInstance
  /** A one-time link that lets the owner's browser in. */
  ownerLink(): Promise<string>
  /** Stops taking work, lets runs end for `graceMs`, closes everything. */
  stop(graceMs: number): Promise<void>
}

export async function startApp(options: AppOptions): Promise<App> {
  const opened = await openGround(options)
  const channels = withTrouble(openChannels(opened.config, opened.clock), opened)
  const outbox = withFallback(opened.outbox, { ...opened, live: channels.live })
  const ground = { ...opened, outbox: withOptOut(outbox, opened) }
  const found = options.model ? { model: options.model, embedder: undefined } : await openModel(ground)
  const stores = openStores(ground, found.embedder)
  const triage = openTriage({ ground, channels, model: found.model, stores })
  const shared = { ground, channels, stores, triage, ...found }
  const served = serverDeps(ground)
  const features: Features = openFeatures({ ...shared, runDemo: () => runDemo({ ...shared, door }) })
  const door = (github: GitHubWebhook) => createServer({ ...served, role: "web", channels: { github }, features })
  const status = async () => statusLine(await features.status())
  const limits = options.limits ?? {}
  const desk = openChannelDesk({ ground, channels, status: () => features.status() })
  const server = createServer({
    ...served,
    desk,
    role: options.role,
    channels,
    features,
    limits,
    corrections: triage.corrections,
    apps: openGitHubApps(ground),
  })
  await server.listen({ host: ground.config.HOST, port: ground.config.PORT })
  const url = urlOf(server, ground.config.HOST)
  const presence = createPresence({ ...ground, lines: createProgressLines(ground), channels: channels.senders })
  const wired = { ...shared, status, onTool: presence.doing }
  const works = options.role !== "web"
  const work = works ? await startWork(ground, channels, openMind(wired), triage.sweep, stores, presence) : null
  const deaf = listenIn({ ground, channels, works, commands: commandsOf(wired) })
  return {
    ground,
    channels,
    model: found.model,
    url,
    server,
    ownerLink: async () => startLink(ground.config.PUBLIC_URL ?? url, await ground.sessions.mint()).url,
    async stop(graceMs) {
      deaf()
      await server.close()
      await work?.stop(graceMs)
      await ground.queue.stop()
      await ground.bell.stop()
      await ground.db.close()
    },
  }
}

function serverDeps(ground: Ground) {
  return {
    ...ground,
    version: VERSION,
    isQueueReady: async () => (await ground.queue.depth()) !== null,
    newId,
    token: tokenOf(ground),
  }
}

/** The bearer token that is set, or the one of this data directory, made at first use (0600). */
function tokenOf({ config }: Ground): string {
  if (config.VIGIL_TOKEN) return config.VIGIL_TOKEN
  const path = join(config.DATA_DIR, "token")
  const known = existsSync(path) ? readFileSync(path, "utf8") : null
  return (known ?? makeOnce(path, `${randomBytes(32).toString("base64url")}\n`)).trim()
}

async function startWork(
  ground: Ground,
  channels: Channels,
  execute: ReturnType<typeof openMind>,
  sweep: ReturnType<typeof openTriage>["sweep"],
  stores: Stores,
  presence: Presence,
) {
  const { db, clock, log, bell, queue, outbox, inbox } = ground
  const stopped = new AbortController()
  const leases = createLeases({ db, owner: newId(), newRunId: newId, codeVersion: VERSION })
  // One process alone owns the embedded database: whoever held a lease before is dead.
  if (db.kind === "pglite") await Promise.all([leases.dropAll(), outbox.dropAll()])
  const sender = createSender({
    outbox,
    channels: channels.senders,
    bell,
    clock,
    log,
    breaker: ground.breaker,
    throttle: throttleOf(ground),
    scrub: (text) => ground.scrubber.scrub(text),
    heldUntil: (message, now) => heldUntil(db, message, now),
  })
  const ticker = createTicker({
    db,
    automations: stores.automations,
    clock,
    log,
    accept: (tx, event) => inbox.acceptIn(tx, event),
    ring: (id) => bell.ring("work", id),
  })
  const systemAutomations = followOwnersZone(ground, stores, channels)
  await systemAutomations()
  const worker = startWorker({
    leases,
    execute: presence.around(execute),
    bell,
    log,
    concurrency: CONCURRENCY,
    chores: {
      outbox: () => sender.sweep(),
      buttons: createButtonClearing({ ...ground, closers: closersOf(channels), defaultZone: ground.hostZone }),
      progress: presence.tidy,
      fates: paced(
        FATES_MS,
        clock,
        createFates({ ...ground, channels: channels.senders, hasReports: hasReports(channels) }),
      ),
      codes: paced(CODES_MS, clock, () => forgetCodes(db, clock.now())),
      automations: () => ticker.tick(),
      zone: systemAutomations,
      media: () => stores.media.sweep(),
      expiry: async () => {
        for (const threadId of await expireWaits(db, clock.now())) bell.ring("work", threadId)
      },
    },
  })
  // Most are done by now, since the bell was quicker.
  await queue.work("turn", async (threadIds) => (await leases.ready(threadIds)).forEach(worker.nudge))
  await queue.work("embed", (ids) => stores.memory.embedWaiting(ids))
  if (channels.api) sweep(stopped.signal).catch((error: unknown) => log.warn("boot_sweep_failed", { error }))
  return {
    async stop(graceMs: number) {
      stopped.abort()
      await worker.stop(graceMs)
      await sender.stop()
      await presence.stop()
    },
  }
}

/** Whether providers tell what became of messages. */
function hasReports({ sms }: Channels): boolean {
  return sms?.webhook != null
}

function closersOf({ telegram }: Channels): ButtonDeps["closers"] {
  const close: CloseQuestion = async ({ target, providerId }, text, signal) =>
    await telegram?.closeQuestion(target, providerId, text, signal)
  return new Map(telegram ? [[telegram.id, close]] : [])
}

function throttleOf({ db, clock, config }: Ground) {
  const perMinute = config.VIGIL_SEND_PACE
  return perMinute === "off" ? undefined : createThrottle({ db, clock, perMinute })
}

/** The digest's zone is the owner's; it may become known at any time. */
function followOwnersZone(ground: Ground, stores: Stores, channels: Channels): () => Promise<void> {
  let lookedAt = Number.NEGATIVE_INFINITY
  return async () => {
    const now = ground.clock.now().getTime()
    if (Math.abs(now - lookedAt) < ZONE_LOOK_MS) return
    lookedAt = now
    const owner = await ground.people.get(ground.owner.id)
    if (!owner) return
    Object.assign(ground.owner, owner)
    await ensureSystemAutomations(
      { db: ground.db, automations: stores.automations },
      { owner, hostZone: ground.hostZone, github: channels.api !== undefined && ground.config.GITHUB_REPOS.length > 0 },
    )
  }
}

function urlOf(server: FastifyInstance, host: string): string {
  const { port } = server.server.address() as AddressInfo
  const name = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host
  return `http://${name.includes(":") ? `[${name}]` : name}:${port}`
}
