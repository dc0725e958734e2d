/**
 * Presence: what a chat sees of a run at work: the sign of typing, and a line that says what is being done when it takes
 * longer. Nothing here delays a run or fails it, and nothing of it outlasts the answer.
 */
import type { Execute } from "../../agent/durable/execute.ts"
import type { Log } from "../../base/log.ts"
import { type Sleep, sleep as sleepFor } from "../../base/timer.ts"
import type { Channel, ChannelId } from "../../channels/channel.ts"
import type { Tx } from "../../db/db.ts"
import type { Notifier } from "../../queue/notifier.ts"
import { threadOf } from "../../thread/outbox/mailbox.ts"
import type { ProgressLines } from "../../thread/outbox/progress.ts"
import { createStatusMessages } from "./status-message.ts"
import { statusText } from "./status-text.ts"

/** What is answered sooner shows nothing. */
const TYPING_AFTER_MS = 400
/** Bot API, sendChatAction: a sign lasts five seconds at most. */
const TYPING_EVERY_MS = 4000
const LINE_AFTER_MS = 4000
const LINE_EVERY_MS = 1500
const CALL_MS = 10_000

export interface PresenceDeps {
  db: Tx
  lines: ProgressLines
  channels: ReadonlyMap<ChannelId, Channel>
  notifier: Pick<Notifier, "listen">
  log: Log
  /** Resolves after `ms`, or rejects when the signal fires. */
  sleep?: Sleep
}

export interface Presence {
  /** The same execution, seen on chats whose channel can show it. */
  around(execute: Execute): Execute
  /** A run calls a tool. */
  doing(runId: string, tool: string): void
  /** A chore: takes back the lines of runs that have ended and answered, also those that a crash left behind. */
  tidy(): Promise<void>
  /** Waits for what is on its way, so that no line is left without a note of it. */
  stop(): Promise<void>
}

/** A run as it is seen on its chat. */
interface Seen {
  threadId: string
  runId: string
  channel: Channel
  ended: AbortSignal
  /** What it called so far. */
  tools: string[]
}

export function createPresence(deps: PresenceDeps): Presence {
  const { db, channels, log, sleep = sleepFor } = deps
  const writer = createStatusMessages(deps)
  /** Those at work, by run. */
  const now = new Map<string, Seen>()
  const showing = new Set<Promise<void>>()
  /** False once the run has ended. */
  const pause = (ms: number, ended: AbortSignal) =>
    sleep(ms, ended).then(
      () => !ended.aborted,
      () => false,
    )

  async function show(seen: Seen): Promise<void> {
    if (!(await pause(TYPING_AFTER_MS, seen.ended))) return
    const thread = await threadOf(db, seen.threadId)
    if (thread) await Promise.allSettled([type(seen, thread.target), tell(seen, thread.target)].map(quietly))
  }

  /** The first failure ends it: who cannot be shown a sign now is answered all the same. */
  const quietly = (work: Promise<void>) => work.catch((error: unknown) => log.debug("presence_failed", { error }))

  async function type({ channel, ended }: Seen, target: string): Promise<void> {
    do await channel.typing?.(target, AbortSignal.any([ended, AbortSignal.timeout(CALL_MS)]))
    while (await pause(TYPING_EVERY_MS, ended))
  }

  async function tell({ channel, ended, tools, runId, threadId }: Seen, target: string): Promise<void> {
    if (!channel.edit || !channel.unsend) return
    const everyMs = Math.max(LINE_EVERY_MS, channel.editEveryMs?.(target) ?? 0)
    let said = ""
    for (let goes = await pause(LINE_AFTER_MS, ended); goes; goes = await pause(everyMs, ended)) {
      const text = statusText(tools)
      if (text !== said) await writer.put({ threadId, runId, channel, target }, text, ended)
      said = text
    }
  }

  return {
    around: (execute) => async (claim, signal) => {
      const channel = channels.get(claim.thread.channel)
      if (!channel?.capabilities.typing) return execute(claim, signal)
      const ended = new AbortController()
      const runId = claim.run.id
      const seen: Seen = { threadId: claim.thread.id, runId, channel, ended: ended.signal, tools: [] }
      now.set(runId, seen)
      const shown = quietly(show(seen)).finally(() => showing.delete(shown))
      showing.add(shown)
      try {
        return await execute(claim, signal)
      } finally {
        ended.abort()
        now.delete(runId)
      }
    },
    doing: (runId, tool) => void now.get(runId)?.tools.push(tool),
    tidy: writer.tidy,
    async stop() {
      await Promise.all(showing)
      await writer.stop()
    },
  }
}
