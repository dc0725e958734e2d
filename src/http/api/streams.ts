/**
 * Streams: server-sent events. Each stream looks at the tables when a notifier rings, and now and then without one; all end
 * when the server closes, and a reader that does not keep up is let go.
 */
import type { FastifyReply, FastifyRequest } from "fastify"
import { Retry } from "../../base/errors.ts"
import type { Log } from "../../base/log.ts"
import type { Notifier } from "../../queue/notifier.ts"
import type { Overload } from "../overload.ts"

export interface ServerEvent {
  id?: string
  event?: string
  data: string
}

export interface EventStreams {
  /**
   * Answers with a stream and keeps calling `look`, never twice at once, until the reader goes away.
   * @param look sends what is new since it was called last.
   */
  follow(request: FastifyRequest, reply: FastifyReply, stream: Follow): void
  /** Streams that are open. */
  count(): number
  endAll(): void
}

export interface Follow {
  /** Whether a ring for this thread matters. */
  concerns(threadId: string): boolean
  look(send: (event: ServerEvent) => void): Promise<void>
}

export interface StreamOptions {
  notifier: Notifier
  log: Log
  overload: Overload
  max: number
  /** Milliseconds. */
  heartbeatMs: number
  /** How often to look without a ring, in milliseconds. */
  lookMs: number
}

/** A reader may lag by this much, in bytes. */
const MAX_BUFFERED = 1024 * 1024
const RETRY_MS = 2000

export function createStreams({ notifier, log, overload, max, heartbeatMs, lookMs }: StreamOptions): EventStreams {
  const open = new Set<() => void>()

  function follow(request: FastifyRequest, reply: FastifyReply, { concerns, look }: Follow): void {
    if (open.size >= max) throw new Retry("too many streams are open", { code: "overloaded", afterMs: 10_000 })
    const out = begin(reply)
    const write = (text: string) => {
      if (out.writableLength > MAX_BUFFERED) out.destroy()
      else out.write(text)
    }
    const end = () => {
      const { socket } = out
      out.end(() => socket?.end())
    }
    const looking = onlyOnce(async () => {
      try {
        await look((event) => write(textOf(event)))
      } catch (error) {
        // The reader comes back by itself, and goes on after the last event it has.
        log.warn("stream_ended", { path: request.url.split("?", 1)[0], error })
        end()
      }
    })
    const unsubscribers = (["thread", "outbox", "work"] as const).map((topic) =>
      notifier.listen(topic, (threadId) => concerns(threadId) && looking()),
    )
    const timers = [setInterval(looking, lookMs), setInterval(() => write(": still here\n\n"), heartbeatMs)]
    open.add(end)
    out.once("close", () => {
      open.delete(end)
      for (const timer of timers) clearInterval(timer)
      for (const stop of unsubscribers) stop()
    })
    overload.park(reply)
    write(`retry: ${RETRY_MS}\n\n`)
    looking()
  }

  return {
    follow,
    count: () => open.size,
    endAll() {
      for (const end of open) end()
    },
  }
}

function begin(reply: FastifyReply): FastifyReply["raw"] {
  reply.hijack()
  const kept = Object.entries(reply.getHeaders()).filter(([, value]) => value !== undefined)
  reply.raw.writeHead(200, {
    ...Object.fromEntries(kept),
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
    "x-content-type-options": "nosniff",
  })
  return reply.raw
}

/** A call during a call is remembered and made once more afterwards. `work` must not throw: nobody waits for it. */
export function onlyOnce(work: () => Promise<void>): () => void {
  let isBusy = false
  let isAskedAgain = false
  const go = async () => {
    isBusy = true
    do {
      isAskedAgain = false
      await work()
    } while (isAskedAgain)
    isBusy = false
  }
  return () => {
    if (isBusy) isAskedAgain = true
    else void go()
  }
}

function textOf({ id, event, data }: ServerEvent): string {
  const head = `${id === undefined ? "" : `id: ${id}\n`}${event === undefined ? "" : `event: ${event}\n`}`
  const lines = data.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`)
  return `${head}${lines.join("")}\n`
}
