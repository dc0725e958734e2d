/**
 * App: the composition root, the one room that knows every other. It makes each part from the parts below it, and hands to a
 * part as a function what that part needs from above. It decides nothing itself.
 */
import { randomBytes } from "node:crypto"
import { existsSync, readFileSync } from "node:fs"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import type { FastifyInstance } from "fastify"
import { newId } from "../base/ids.ts"
import { makeOnce } from "../base/once-file.ts"
import { periodic } from "../base/timer.ts"
import type { GitHubWebhook } from "../channels/github/webhook.ts"
import { type Channels, openChannels } from "../channels/open.ts"
import type { Features } from "../http/api/api.ts"
import { createServer, startLink } from "../http/server.ts"
import { ensureSystemAutomations } from "../schedule/automations/system-automations.ts"
import { createTicker } from "../schedule/automations/ticker.ts"
import { expireApprovals } from "../thread/approvals/approval.ts"
import { forgetCodes } from "../thread/inbox/pairing.ts"
import { withFallback } from "../thread/outbox/fallback.ts"
import { withOptOut } from "../thread/outbox/opt-out.ts"
import { createProgressLines } from "../thread/outbox/progress.ts"
import { heldUntil } from "../thread/outbox/quiet-hours.ts"
import { createLeases } from "../thread/runs/lease.ts"
import { createPresence, type Presence } from "../worker/presence/typing.ts"
import { type ButtonDeps, type CloseApproval, createButtonClearing } from "../worker/sending/buttons.ts"
import { createDeliveryReconciler } from "../worker/sending/delivery-reconciler.ts"
import { createSender } from "../worker/sending/sender.ts"
import { createThrottle } from "../worker/sending/throttle.ts"
import { startWorker } from "../worker/worker.ts"
import { commandsOf, openAgent } from "./agent.ts"
import { openChannelAdmin } from "./channels/channel-admin.ts"
import { openGitHubApps } from "./channels/github-app.ts"
import { listenIn, withTrouble } from "./channels/listening.ts"
import { runDemo } from "./demo.ts"
import { type FeatureDeps, openFeatures, statusLine } from "./features.ts"
import { type AppOptions, type Infrastructure, openInfrastructure } from "./infrastructure.ts"
import { openModel, openStores, type Stores } from "./stores.ts"
import { openTriage } from "./triage.ts"
import { VERSION } from "./version.ts"

/** How many runs work at the same time in one process. */
const CONCURRENCY = 8
/** How often the owner's zone is read for the system automations. */
const ZONE_LOOK_MS = 60_000
const RECONCILE_MS = 15_000
const CODES_MS = 10_000

export interface App extends Pick<FeatureDeps, "infrastructure" | "channels" | "model"> {
  /** The address on which the server listens. */
  url: string
  server: FastifyInstance
  /** A one-time link that lets the owner's browser in. */
  ownerLink(): Promise<string>
  /** Claims no more work, waits `graceMs` for the runs, then closes everything. */
  stop(graceMs: number): Promise<void>
}

/** Starts the whole application. Throws `InvalidConfig`, or what its parts throw when they cannot be opened. */
export async function startApp(options: AppOptions): Promise<App> {
  const opened = await openInfrastructure(options)
  const channels = withTrouble(openChannels(opened.config, opened.clock), opened)
  const outbox = withFallback(opened.outbox, { ...opened, live: channels.live })
  const infrastructure = { ...opened, outbox: withOptOut(outbox, opened) }
  const found = options.model ? { model: options.model, embedder: undefined } : await openModel(infrastructure)
  const stores = openStores(infrastructure, found.embedder)
  const triage = openTriage({ infrastructure, channels, model: found.model, stores })
  const shared = { infrastructure, channels, stores, triage, ...found }
  const served = serverDeps(infrastructure)
  const features: Features = openFeatures({ ...shared, runDemo: () => runDemo({ ...shared, door }) })
  const door = (github: GitHubWebhook) => createServer({ ...served, role: "web", channels: { github }, features })
  const status = async () => statusLine(await features.status())
  const limits = options.limits ?? {}
  const channelAdmin = openChannelAdmin({ infrastructure, channels, status: () => features.status() })
  const server = createServer({
    ...served,
    channelAdmin,
    role: options.role,
    channels,
    features,
    limits,
    corrections: triage.corrections,
    apps: openGitHubApps(infrastructure),
  })
  // As many connections may wait in the kernel as may be open here: beyond Node's 511 it resets those of a flood unanswered.
  const backlog = server.server.maxConnections
  await server.listen({ host: infrastructure.config.HOST, port: infrastructure.config.PORT, backlog })
  const url = urlOf(server, infrastructure.config.HOST)
  const presence = createPresence({
    ...infrastructure,
    lines: createProgressLines(infrastructure),
    channels: channels.senders,
  })
  const wired = { ...shared, status, onTool: presence.doing }
  const works = options.role !== "web"
  const work = works
    ? await startWork(infrastructure, channels, openAgent(wired), triage.sweep, stores, presence)
    : null
  const unsubscribe = listenIn({ infrastructure, channels, works, commands: commandsOf(wired) })
  return {
    infrastructure,
    channels,
    model: found.model,
    url,
    server,
    ownerLink: async () => startLink(infrastructure.config.PUBLIC_URL ?? url, await infrastructure.sessions.mint()).url,
    async stop(graceMs) {
      unsubscribe()
      await server.close()
      await work?.stop(graceMs)
      await infrastructure.queue.stop()
      await infrastructure.notifier.stop()
      await infrastructure.db.close()
    },
  }
}

function serverDeps(infrastructure: Infrastructure) {
  return {
    ...infrastructure,
    version: VERSION,
    isQueueReady: async () => (await infrastructure.queue.depth()) !== null,
    newId,
    token: tokenOf(infrastructure),
  }
}

/** `VIGIL_TOKEN`, or else the bearer token of this data directory, which is made at the first use (mode 0600). */
function tokenOf({ config }: Infrastructure): string {
  if (config.VIGIL_TOKEN) return config.VIGIL_TOKEN
  const path = join(config.DATA_DIR, "token")
  const known = existsSync(path) ? readFileSync(path, "utf8") : null
  return (known ?? makeOnce(path, `${randomBytes(32).toString("base64url")}\n`)).trim()
}

async function startWork(
  infrastructure: Infrastructure,
  channels: Channels,
  execute: ReturnType<typeof openAgent>,
  sweep: ReturnType<typeof openTriage>["sweep"],
  stores: Stores,
  presence: Presence,
) {
  const { db, clock, log, notifier, queue, outbox, inbox } = infrastructure
  const stopped = new AbortController()
  const leases = createLeases({ db, owner: newId(), newRunId: newId, codeVersion: VERSION })
  // The embedded database has one process, so each lease in it belongs to a dead process.
  if (db.kind === "pglite") await Promise.all([leases.dropAll(), outbox.dropAll()])
  const sender = createSender({
    outbox,
    channels: channels.senders,
    notifier,
    clock,
    log,
    breaker: infrastructure.breaker,
    throttle: throttleOf(infrastructure),
    scrub: (text) => infrastructure.scrubber.scrub(text),
    heldUntil: (message, now) => heldUntil(db, message, now),
  })
  const ticker = createTicker({
    db,
    automations: stores.automations,
    clock,
    log,
    accept: (tx, event) => inbox.acceptIn(tx, event),
    notify: (id) => notifier.notify("work", id),
  })
  const systemAutomations = followOwnersZone(infrastructure, stores, channels)
  await systemAutomations()
  const worker = startWorker({
    leases,
    execute: presence.around(execute),
    notifier,
    log,
    concurrency: CONCURRENCY,
    chores: {
      outbox: () => sender.sweep(),
      buttons: createButtonClearing({
        ...infrastructure,
        closers: closersOf(channels),
        defaultZone: infrastructure.hostZone,
      }),
      progress: presence.tidy,
      reconcileDeliveries: periodic(
        RECONCILE_MS,
        clock,
        createDeliveryReconciler({ ...infrastructure, channels: channels.senders, hasReports: hasReports(channels) }),
      ),
      codes: periodic(CODES_MS, clock, () => forgetCodes(db, clock.now())),
      automations: () => ticker.tick(),
      zone: systemAutomations,
      media: () => stores.media.sweep(),
      expiry: async () => {
        for (const threadId of await expireApprovals(db, clock.now())) notifier.notify("work", threadId)
      },
    },
  })
  // The notifier is quicker, so most of these threads have been served already: only those with work are nudged.
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

/** Whether the provider reports delivery outcomes by itself. */
function hasReports({ sms }: Channels): boolean {
  return sms?.webhook != null
}

function closersOf({ telegram }: Channels): ButtonDeps["closers"] {
  const close: CloseApproval = async ({ target, providerId }, text, signal) =>
    await telegram?.closeApproval(target, providerId, text, signal)
  return new Map(telegram ? [[telegram.id, close]] : [])
}

function throttleOf({ db, clock, config }: Infrastructure) {
  const perMinute = config.VIGIL_SEND_PACE
  return perMinute === "off" ? undefined : createThrottle({ db, clock, perMinute })
}

/** Keeps the system automations in the owner's zone, which may become known at any time. */
function followOwnersZone(infrastructure: Infrastructure, stores: Stores, channels: Channels): () => Promise<void> {
  let lookedAt = Number.NEGATIVE_INFINITY
  return async () => {
    const now = infrastructure.clock.now().getTime()
    if (Math.abs(now - lookedAt) < ZONE_LOOK_MS) return
    lookedAt = now
    const owner = await infrastructure.people.get(infrastructure.owner.id)
    if (!owner) return
    Object.assign(infrastructure.owner, owner)
    await ensureSystemAutomations(
      { db: infrastructure.db, automations: stores.automations },
      {
        owner,
        hostZone: infrastructure.hostZone,
        github: channels.api !== undefined && infrastructure.config.GITHUB_REPOS.length > 0,
      },
    )
  }
}

function urlOf(server: FastifyInstance, host: string): string {
  const { port } = server.server.address() as AddressInfo
  const name = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host
  return `http://${name.includes(":") ? `[${name}]` : name}:${port}`
}
