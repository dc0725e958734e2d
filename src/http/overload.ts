/**
 * Overload: says "later" at once instead of letting everybody wait. Health is never refused here; requests that only
 * wait (streams) are parked and do not count.
 */
import { monitorEventLoopDelay } from "node:perf_hooks"
import type { FastifyInstance, FastifyReply } from "fastify"
import { Retry } from "../base/errors.ts"

export interface Overload {
  /** Requests being worked on, without parked ones. */
  inFlight(): number
  /** The request only waits from now on. */
  park(reply: FastifyReply): void
  /** Milliseconds that the event loop was late, on average over the last moments. */
  delayMs(): number
  stop(): void
}

export interface OverloadOptions {
  /** More requests at once than this are refused. */
  maxInFlight: number
  maxDelayMs: number
  /** Replaces the measurement. */
  delayMs?: (() => number) | undefined
}

/** The timer's own period counts as delay in the histogram. */
const RESOLUTION_MS = 20
const WINDOW_MS = 1000

export function installOverload(app: FastifyInstance, options: OverloadOptions): Overload {
  const counted = new WeakSet<object>()
  let inFlight = 0
  const meter = options.delayMs ? { read: options.delayMs, stop: () => {} } : measureDelay()
  const leave = (reply: FastifyReply) => {
    if (counted.delete(reply.raw)) inFlight--
  }

  app.addHook("onRequest", async (request, reply) => {
    if (request.url.startsWith("/healthz")) return
    if (inFlight >= options.maxInFlight || meter.read() > options.maxDelayMs) {
      throw new Retry("too much is going on here right now", { code: "overloaded", fix: "Try again.", afterMs: 5000 })
    }
    inFlight++
    counted.add(reply.raw)
    reply.raw.once("close", () => leave(reply))
  })
  return { inFlight: () => inFlight, park: leave, delayMs: meter.read, stop: meter.stop }
}

function measureDelay(): { read(): number; stop(): void } {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  histogram.enable()
  let last = 0
  const timer = setInterval(() => {
    last = Math.max(0, histogram.mean / 1e6 - RESOLUTION_MS)
    histogram.reset()
  }, WINDOW_MS).unref()
  return {
    read: () => (Number.isFinite(last) ? last : 0),
    stop: () => {
      clearInterval(timer)
      histogram.disable()
    },
  }
}
