/**
 * Server: the HTTP edge put together. Everything but health, webhooks and the one-time link is for the owner; a worker's
 * process serves health and metrics only. Closing lets running requests end and takes streams down first.
 */
import type { AddressInfo } from "node:net"
import rateLimit from "@fastify/rate-limit"
import { type FastifyInstance, fastify } from "fastify"
import { Reject } from "../base/errors.ts"
import type { NewId } from "../base/ids.ts"
import type { Log } from "../base/log.ts"
import type { GitHubApps } from "../channels/github/app.ts"
import type { Config } from "../config/config.ts"
import type { OwnerLink } from "../contract/installation/people.ts"
import type { Db } from "../db/db.ts"
import type { Notifier } from "../queue/notifier.ts"
import type { Queue } from "../queue/queue.ts"
import type { Hooks } from "../thread/hooks/hooks.ts"
import type { Inbox } from "../thread/inbox/inbox.ts"
import type { Intake } from "../thread/inbox/intake.ts"
import type { Outbox } from "../thread/outbox/outbox.ts"
import { LINK_MINUTES, type Sessions } from "../thread/people/sessions.ts"
import type { Corrections } from "../triage/repository/corrections.ts"
import { type Features, mountApi } from "./api/api.ts"
import type { ChannelAdmin } from "./api/channels.ts"
import { createConversation } from "./api/conversation.ts"
import { createStreams } from "./api/streams.ts"
import { createAuth } from "./auth.ts"
import { createCounters } from "./counters.ts"
import { installErrors } from "./errors.ts"
import { installHeaders } from "./headers.ts"
import { mountHealth } from "./health.ts"
import { type MetricsDeps, mountMetrics } from "./metrics.ts"
import { installOverload, type OverloadOptions } from "./overload.ts"
import { mountPages } from "./pages/routes.ts"
import { createBodyBudget } from "./webhooks/body-budget.ts"
import type { WebhookDeps } from "./webhooks/raw-route.ts"
import { mountWebhooks } from "./webhooks/webhooks.ts"

export interface Limits extends OverloadOptions {
  /** Requests a minute from one address: webhooks, everything else, and attempts at a one-time link. */
  webhooksPerMinute: number
  perMinute: number
  linksPerMinute: number
  /** Streams open at once. */
  maxStreams: number
  heartbeatMs: number
  lookMs: number
  /** Bytes of large webhook bodies on their way at once. */
  bodyBytes: number
  /** Connections at once; what comes beyond them is closed. */
  maxConnections: number
  /** Within these milliseconds all headers must be there, and within those all of a request; then it is cut. */
  headersMs: number
  requestMs: number
  /** A connection on which nothing moves, in either direction, is closed after this. */
  silenceMs: number
  /** How often slow requests are looked for. */
  cutMs: number
}

const LIMITS: Limits = {
  maxInFlight: 256,
  maxWaitMs: 5000,
  maxDelayMs: 1000,
  webhooksPerMinute: 60_000,
  perMinute: 6000,
  linksPerMinute: 30,
  maxStreams: 100,
  heartbeatMs: 15_000,
  lookMs: 5000,
  bodyBytes: 64 * 1024 * 1024,
  maxConnections: 2000,
  headersMs: 15_000,
  requestMs: 60_000,
  // Longer than a request may wait for its answer, and than streams are silent.
  silenceMs: 90_000,
  cutMs: 5000,
}

export interface ServerDeps {
  role: "all" | "web" | "worker"
  config: Pick<Config, "HOST" | "PUBLIC_URL">
  /** Vigil's own. */
  version: string
  db: Db
  queue: Pick<Queue, "depth">
  isQueueReady: () => boolean | Promise<boolean>
  inbox: Inbox
  intake: Intake
  outbox: Pick<Outbox, "reported">
  sessions: Sessions
  notifier: Notifier
  newId: NewId
  log: Log
  /** The bearer token with the owner's rights. */
  token: string
  channels: WebhookDeps["channels"]
  features: Features
  /** The owner's own webhooks. */
  hooks?: Hooks
  /** How the channels are. */
  channelAdmin?: ChannelAdmin
  /** What people make of triage's decisions. */
  corrections?: Pick<Corrections, "hear">
  /** Makes GitHub Apps on the owner's pages. */
  apps?: GitHubApps
  breaker?: MetricsDeps["breaker"]
  limits?: Partial<Limits>
}

const BODY_LIMIT = 256 * 1024

/** Fastify loads its own compilers otherwise, a hundred modules, at every start. */
const noSchemas = () => {
  throw new Error("routes have no JSON schema here: what comes in is parsed by zod, see endpoint.ts")
}

export function createServer(deps: ServerDeps): FastifyInstance {
  const { config, log, role } = deps
  const limits = { ...LIMITS, ...deps.limits }
  const app = fastify({
    logger: false,
    bodyLimit: BODY_LIMIT,
    requestTimeout: limits.requestMs,
    connectionTimeout: limits.silenceMs,
    http: { headersTimeout: limits.headersMs, connectionsCheckingInterval: limits.cutMs },
    forceCloseConnections: "idle",
    return503OnClosing: true,
    schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
    // We speak no TLS: with an https address exactly one proxy stands before us, and names the caller.
    trustProxy: config.PUBLIC_URL?.startsWith("https://") ? (_address, hop) => hop === 0 : false,
  })
  app.server.maxConnections = limits.maxConnections
  const closing = new AbortController()
  const counters = createCounters()
  installHeaders(app, config.PUBLIC_URL, closing.signal)
  const overload = installOverload(app, limits)
  app.addHook("onRequest", async (request) => {
    // Reset meanwhile: no address to count it under, and nobody who would hear an answer.
    if (request.socket.remoteAddress === undefined) throw new Reject(400, "the connection is gone", { code: "gone" })
  })
  app.register(rateLimit, {
    max: limits.perMinute,
    timeWindow: 60_000,
    errorResponseBuilder: (_request, { after }) =>
      new Reject(429, `too many requests from your address, again in ${after}`, { code: "rate_limited" }),
  })
  app.after(() => installErrors(app, deps))
  app.addHook("preClose", async () => closing.abort())
  app.addHook("onClose", async () => overload.stop())

  const { sessions, token } = deps
  const auth = createAuth({ sessions, token, host: config.HOST, publicUrl: config.PUBLIC_URL })
  const isOwner = async (request: Parameters<typeof auth.who>[0]) => (await auth.who(request)) !== null
  app.register(async (scope) => {
    mountHealth(scope, deps)
    mountMetrics(scope, { ...deps, counters, overload, isOwner })
  })
  if (role === "worker") return app

  const bodies = createBodyBudget(limits.bodyBytes)
  const streams = createStreams({ ...limits, notifier: deps.notifier, log, overload, max: limits.maxStreams })
  const conversation = createConversation(deps)
  app.addHook("preClose", async () => streams.endAll())
  const linkTo = (key: string) => startLink(baseOf(config, app), key)
  const shared = { ...deps, auth, streams, conversation, overload, closing: closing.signal, linkTo }
  app.register(async (scope) =>
    mountWebhooks(scope, { ...deps, counters, bodies, perMinute: limits.webhooksPerMinute }),
  )
  app.register(async (scope) => mountApi(scope, shared))
  app.register(async (scope) => mountPages(scope, { ...shared, linksPerMinute: limits.linksPerMinute }))
  return app
}

/** The address of a one-time link. */
export function startLink(base: string, key: string): OwnerLink {
  const path = `/start?k=${key}`
  return { path, url: `${base}${path}`, expiresInMinutes: LINK_MINUTES }
}

/** Where the owner reaches this server: its public address, or the one on this machine. */
function baseOf(config: Pick<Config, "HOST" | "PUBLIC_URL">, app: FastifyInstance): string {
  if (config.PUBLIC_URL !== undefined) return config.PUBLIC_URL
  const { port } = app.server.address() as AddressInfo
  const host = config.HOST === "0.0.0.0" || config.HOST === "::" ? "127.0.0.1" : config.HOST
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`
}
