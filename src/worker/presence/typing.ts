/**
 * Presence: signs of life on a chat while a run works: the typing indicator, and after four seconds a status message that
 * says what the run is doing. Presence never delays a run or makes it fail, and is gone once the answer was sent.
 */
import type { Execute } from "../../agent/durable/execute.ts"
import type { Log } from "../../base/log.ts"
import { type Sleep, sleep as sleepFor } from "../../base/timer.ts"
import type { Channel, ChannelId } from "../../channels/channel.ts"
import type { Tx } from "../../db/db.ts"
import type { Notifier } from "../../queue/notifier.ts"
import { threadOf } from "../../thread/outbox/conversation.ts"
import type { ProgressLines } from "../../thread/outbox/progress.ts"
import { createStatusMessages } from "./status-message.ts"
import { statusText } from "./status-text.ts"

/** A run that answers sooner shows nothing. */
const TYPING_AFTER_MS = 400
/** Bot API, sendChatAction: the indicator lasts five seconds at most. */
const TYPING_EVERY_MS = 4000
const STATUS_AFTER_MS = 4000
const STATUS_EVERY_MS = 1500
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
  /** The same `execute`, with presence on the channels that have a typing indicator. */
  around(execute: Execute): Execute
  /** Tells that a run calls a tool. */
  doing(runId: string, tool: string): void
  /** A chore: removes the status messages of runs that have ended and answered, also those that a crash left behind. */
  tidy(): Promise<void>
  /** Waits for calls to the channel that are on their way, so that each status message is recorded. */
  stop(): Promise<void>
}

/** A run whose presence is shown. */
interface Shown {
  threadId: string
  runId: string
  channel: Channel
  /** Fires at the end of the run. */
  ended: AbortSignal
  /** Names of the tools that the run has called so far. */
  tools: string[]
}

export function createPresence(deps: PresenceDeps): Presence {
  const { db, channels, log, sleep = sleepFor } = deps
  const statusMessages = createStatusMessages(deps)
  /** The runs that work now, by run id. */
  const working = new Map<string, Shown>()
  const showing = new Set<Promise<void>>()
  /** Waits. Returns false when the run ended before. */
  const pause = (ms: number, ended: AbortSignal) =>
    sleep(ms, ended).then(
      () => !ended.aborted,
      () => false,
    )

  async function show(run: Shown): Promise<void> {
    if (!(await pause(TYPING_AFTER_MS, run.ended))) return
    const thread = await threadOf(db, run.threadId)
    if (thread) await Promise.allSettled([type(run, thread.target), tell(run, thread.target)].map(quietly))
  }

  /** The first failure ends this presence, without another try: the run answers all the same. */
  const quietly = (work: Promise<void>) => work.catch((error: unknown) => log.debug("presence_failed", { error }))

  async function type({ channel, ended }: Shown, target: string): Promise<void> {
    do await channel.typing?.(target, AbortSignal.any([ended, AbortSignal.timeout(CALL_MS)]))
    while (await pause(TYPING_EVERY_MS, ended))
  }

  async function tell({ channel, ended, tools, runId, threadId }: Shown, target: string): Promise<void> {
    if (!channel.edit || !channel.unsend) return
    const everyMs = Math.max(STATUS_EVERY_MS, channel.editEveryMs?.(target) ?? 0)
    let shown = ""
    for (let works = await pause(STATUS_AFTER_MS, ended); works; works = await pause(everyMs, ended)) {
      const text = statusText(tools)
      if (text !== shown) await statusMessages.put({ threadId, runId, channel, target }, text, ended)
      shown = text
    }
  }

  return {
    around: (execute) => async (claim, signal) => {
      const channel = channels.get(claim.thread.channel)
      if (!channel?.capabilities.typing) return execute(claim, signal)
      const ended = new AbortController()
      const runId = claim.run.id
      const run: Shown = { threadId: claim.thread.id, runId, channel, ended: ended.signal, tools: [] }
      working.set(runId, run)
      const presence = quietly(show(run)).finally(() => showing.delete(presence))
      showing.add(presence)
      try {
        return await execute(claim, signal)
      } finally {
        ended.abort()
        working.delete(runId)
      }
    },
    doing: (runId, tool) => void working.get(runId)?.tools.push(tool),
    tidy: statusMessages.tidy,
    async stop() {
      await Promise.all(showing)
      await statusMessages.stop()
    },
  }
}
