/**
 * Line writer: the one quiet line of a run at work. It is changed in place, and taken back once the answer was sent: the
 * answer is a message of its own, since only that makes a phone ring. A line is noted as soon as it was sent; one whose
 * process died in between, or whose sending had no answer, is the only one that stays.
 */
import { Reject } from "../../base/errors.ts"
import { newId } from "../../base/ids.ts"
import type { Log } from "../../base/log.ts"
import type { Channel, ChannelId } from "../../channels/channel.ts"
import type { Notifier } from "../../queue/notifier.ts"
import type { ProgressLine, ProgressLines } from "../../thread/outbox/progress.ts"

const CALL_MS = 10_000
/** How often lines are looked for that other processes left behind. */
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
  /** Nothing once `ended` has fired. */
  put(where: Where, text: string, ended: AbortSignal): Promise<void>
  tidy(): Promise<void>
  stop(): Promise<void>
}

export function createStatusMessages({ lines, channels, notifier, log }: StatusMessageDeps): StatusMessages {
  /** Threads on which this process has put a line. */
  const lined = new Set<string>()
  let tidying: Promise<void> | null = null
  let lookedAt = Number.NEGATIVE_INFINITY
  // Not the run's own signal: a line that nobody knows of could never be taken back.
  const within = () => AbortSignal.timeout(CALL_MS)

  async function takeBack(line: ProgressLine & { threadId: string }): Promise<void> {
    try {
      await channels.get(line.channel)?.unsend?.(line.target, line.providerId, within())
    } catch (error) {
      log.debug("progress_not_removed", { thread: line.threadId, error })
      // What is refused will be refused the next time too.
      if (!(error instanceof Reject)) return
    }
    await lines.forget(line.threadId, line)
    lined.delete(line.threadId)
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
    if (lined.has(threadId)) tidy().catch((error: unknown) => log.debug("progress_not_tidied", { error }))
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
      lined.add(threadId)
      await lines.keep(threadId, { channel: channel.id, target, providerId, runId })
    },
    tidy: async () => {
      if (lined.size > 0 || performance.now() - lookedAt >= LOOK_MS) await tidy()
    },
    async stop() {
      unsubscribe()
      await tidying?.catch(() => {})
    },
  }
}
