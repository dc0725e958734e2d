/**
 * Overload: says "later" at once instead of letting everybody wait. It refuses when more is under way than may be, when what is
 * under way would take too long at the speed of the last moments, and when the event loop is late. What was accepted and
 * waits in the database is no reason: it is safe there, and refusing its sender would only lose the next. Health is never
 * refused here; requests that only wait (streams) are parked and do not count, nor does a body that is still on its way.
 */
import { monitorEventLoopDelay } from "node:perf_hooks"
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify"
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
  /** A request that would wait longer than this for those before it is refused. */
  maxWaitMs: number
  maxDelayMs: number
  /** Replaces the measurement. */
  delayMs?: (() => number) | undefined
  /** Milliseconds, only ever forward. */
  now?: (() => number) | undefined
}

/** The timer's own period counts as delay in the histogram. */
const RESOLUTION_MS = 20
const WINDOW_MS = 1000
/** So few at once are never too many, however slow: a person's page may wait for its providers. */
const FEW = 16

export function installOverload(app: FastifyInstance, options: OverloadOptions): Overload {
  const counted = new WeakSet<object>()
  const speed = createSpeed(options.now ?? (() => performance.now()))
  const meter = options.delayMs ? { read: options.delayMs, stop: () => {} } : measureDelay()
  let inFlight = 0
  const leave = (reply: FastifyReply, isDone: boolean) => {
    if (!counted.delete(reply.raw)) return
    inFlight--
    if (isDone) speed.done()
  }
  const isTooMuch = () =>
    inFlight >= options.maxInFlight ||
    meter.read() > options.maxDelayMs ||
    (inFlight >= FEW && speed.msFor(inFlight) > options.maxWaitMs)
  const admit = async (request: FastifyRequest) => {
    if (request.url.startsWith("/healthz") || !isTooMuch()) return
    throw new Retry("too much is going on here right now", { code: "overloaded", fix: "Try again.", afterMs: 5000 })
  }

  // Before the body, so that nothing is read in vain, and again with it: many may have come meanwhile.
  app.addHook("onRequest", admit)
  app.addHook("preValidation", async (request, reply) => {
    await admit(request)
    // Whoever left already will not leave again.
    if (reply.raw.destroyed) return
    if (inFlight === 0) speed.begin()
    inFlight++
    counted.add(reply.raw)
    reply.raw.once("close", () => leave(reply, true))
  })
  return { inFlight: () => inFlight, park: (reply) => leave(reply, false), delayMs: meter.read, stop: meter.stop }
}

/** How fast requests were done, over this window and the one before it. */
function createSpeed(now: () => number) {
  let start = now()
  let done = 0
  let before = { done: 0, ms: 0 }
  const turn = () => {
    const passed = now() - start
    if (passed < WINDOW_MS) return
    before = { done, ms: passed }
    start = now()
    done = 0
  }
  return {
    done() {
      turn()
      done++
    },
    /** Work begins after a rest, in which nothing could be done. */
    begin() {
      before = { done: 0, ms: 0 }
      start = now()
      done = 0
    },
    /** Milliseconds that `count` requests take at this speed; 0 while too little was seen to tell. */
    msFor(count: number): number {
      turn()
      const ms = before.ms + now() - start
      return ms < WINDOW_MS ? 0 : (count * ms) / Math.max(1, before.done + done)
    },
  }
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
