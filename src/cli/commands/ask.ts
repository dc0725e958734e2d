/**
 * Ask: sends one message and waits for what is said to it. The message carries its own idempotency key, so asking again
 * after a long wait or a broken connection never makes a second message of it.
 */
import { setTimeout as pause } from "node:timers/promises"
import { Limit, Reject, Retry, Uncertain } from "../../base/errors.ts"
import { type MessageAnswer, messageAnswer, type RepliedMessage } from "../../contract/conversation/messages.ts"
import type { CliSession } from "../session.ts"

/** How long one request is held open; the server may hold it shorter. */
const HOLD_SECONDS = 30
const PAUSE_MS = 500

export interface Asking {
  thread?: string | undefined
  /** Seconds. */
  wait: number
  signal?: AbortSignal
}

export type RepliedAnswer = RepliedMessage & { reply: string }

/**
 * Throws `Limit` (`limit_reply_wait`) when there is no reply in time: the message is accepted all the same. `Reject`
 * (`no_reply`) when its run ended without one.
 */
export async function ask(session: CliSession, text: string, asking: Asking): Promise<RepliedAnswer> {
  const { thread, wait, signal } = asking
  const body = { text, ...(thread === undefined ? {} : { thread }) }
  const cancel = signal ? { signal } : {}
  const idempotencyKey = session.newId()
  const deadline = session.clock.now().getTime() + wait * 1_000
  const leftMs = () => Math.max(deadline - session.clock.now().getTime(), 0)
  let latest: MessageAnswer | Uncertain | Retry | undefined
  do {
    const isFirst = latest === undefined
    const waitSeconds = Math.min(Math.ceil(leftMs() / 1_000), HOLD_SECONDS)
    const options = { waitSeconds, idempotencyKey, ...cancel }
    latest = await session.client().send("POST", "/api/v1/messages", body, messageAnswer, options).catch(passing)
    if (isAnswer(latest) && "reply" in latest) return spoken(latest)
    // Worth saying at once; a server that goes away later is likely to come back, and has the message.
    if (isFirst && latest instanceof Retry && latest.code === "not_running") throw latest
    await pause(Math.min(PAUSE_MS, leftMs()), undefined, cancel)
  } while (leftMs() > 0)
  if (!isAnswer(latest)) throw latest
  throw new Limit("reply_wait", `no reply within ${wait} s; the message is accepted and will be answered`, {
    fix: "see how far it is with: vigil runs",
  })
}

function isAnswer(latest: MessageAnswer | Uncertain | Retry): latest is MessageAnswer {
  return !(latest instanceof Error)
}

/** Asking again is safe, and may help: the connection broke, or the server is busy. */
function passing(error: unknown): Uncertain | Retry {
  if (error instanceof Uncertain || error instanceof Retry) return error
  throw error
}

function spoken({ reply, ...answer }: RepliedMessage): RepliedAnswer {
  if (reply !== null) return { ...answer, reply }
  throw new Reject(200, "the message was taken, but its run ended without a reply", {
    code: "no_reply",
    fix: answer.run ? `see why with: vigil trace ${answer.run}` : "see what happened with: vigil runs",
  })
}
