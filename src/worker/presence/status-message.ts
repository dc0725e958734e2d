/**
 * Status messages: one silent message on a chat that says what a run is doing. It is edited in place and removed once the
 * answer was sent. The answer is a message of its own, because only a new message makes a phone ring. A status message is
 * recorded in the database right after it was sent, so that any process can remove it. Only two stay: one whose process died
 * before the record, and one whose sending got no answer.
 */
import { Reject } from "../../base/errors.ts"
import { newId } from "../../base/ids.ts"
import type { Log } from "../../base/log.ts"
import type { Channel, ChannelId } from "../../channels/channel.ts"
import type { Notifier } from "../../queue/notifier.ts"
import type { ProgressLine, ProgressLines } from "../../thread/outbox/progress.ts"

const CALL_MS = 10_000
/** How often a process looks for status messages that other processes left behind. */
const LOOK_MS = 5000

export interface StatusMessageDeps {
  lines: ProgressLines
  channels: ReadonlyMap<ChannelId, Channel>
  notifier: Pick<Notifier, "listen">
  log: Log
}

interface Where {
  threadId: string
  runId: string
  channel: Channel
  target: string
}

export interface StatusMessages {
  /** Sends or edits the status message of a run. Sends nothing once `ended` has fired. Throws what the channel throws. */
  put(where: Where, text: string, ended: AbortSignal): Promise<void>
  /** Removes the status messages of runs that have ended and answered. */
  tidy(): Promise<void>
  stop(): Promise<void>
}

export function createStatusMessages({ lines, channels, notifier, log }: StatusMessageDeps): StatusMessages {
  /** Threads on which this process has put a status message. */
  const shownOn = new Set<string>()
  let tidying: Promise<void> | null = null
  let lookedAt = Number.NEGATIVE_INFINITY
  // Not the run's own signal: an interrupted send could leave a message that is not recorded and never removed.
  const within = () => AbortSignal.timeout(CALL_MS)

  async function takeBack(line: ProgressLine & { threadId: string }): Promise<void> {
    try {
      await channels.get(line.channel)?.unsend?.(line.target, line.providerId, within())
    } catch (error) {
      log.debug("progress_not_removed", { thread: line.threadId, error })
      // A refusal is final, so the record goes too. After any other failure the next round tries again.
      if (!(error instanceof Reject)) return
    }
    await lines.forget(line.threadId, line)
    shownOn.delete(line.threadId)
  }

  async function round(): Promise<void> {
    lookedAt = performance.now()
    for (const line of await lines.over()) await takeBack(line)
  }

  function tidy(): Promise<void> {
    tidying ??= round().finally(() => {
      tidying = null
    })
    return tidying
  }

  const unsubscribe = notifier.listen("thread", (threadId) => {
    if (shownOn.has(threadId)) tidy().catch((error: unknown) => log.debug("progress_not_tidied", { error }))
  })

  return {
    async put({ threadId, runId, channel, target }, text, ended) {
      const old = await lines.get(threadId)
      if (ended.aborted) return
      const isThere =
        old?.target === target && ((await channel.edit?.(target, old.providerId, text, within())) ?? false)
      if (isThere && old.runId === runId) return
      const providerId = isThere
        ? old.providerId
        : (await channel.send({ id: newId(), target, text, silent: true, signal: within() })).providerId
      shownOn.add(threadId)
      await lines.keep(threadId, { channel: channel.id, target, providerId, runId })
    },
    tidy: async () => {
      if (shownOn.size > 0 || performance.now() - lookedAt >= LOOK_MS) await tidy()
    },
    async stop() {
      unsubscribe()
      await tidying?.catch(() => {})
    },
  }
}
