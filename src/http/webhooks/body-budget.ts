/**
 * Body budget: how much of large bodies this server holds at once, so that nobody fills its memory by sending many. Small ones
 * are always read: as many of them as connections at once are no burden.
 */
import type { FastifyReply } from "fastify"
import { Retry } from "../../base/errors.ts"

const SMALL_BYTES = 64 * 1024

export interface BodyBudget {
  /** Room for a body until its request is answered. Throws `Retry` when large ones take it all. */
  take(reply: FastifyReply, bytes: number): void
}

export function createBodyBudget(maxBytes: number): BodyBudget {
  let held = 0
  return {
    take(reply, bytes) {
      if (bytes <= SMALL_BYTES) return
      if (held + bytes > maxBytes)
        throw new Retry("too many large bodies are on their way", {
          code: "overloaded",
          fix: "Try again.",
          afterMs: 5000,
        })
      held += bytes
      reply.raw.once("close", () => {
        held -= bytes
      })
    },
  }
}
