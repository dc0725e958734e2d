/**
 * Buttons: takes the buttons off the messages of an answered approval and writes the outcome there, on whatever channel the
 * answer came. A failure here delays nothing and is tried again later, because a button that is still there does no harm:
 * pressing it changes nothing.
 */
import type { Clock } from "../../base/clock.ts"
import { Retry, Uncertain } from "../../base/errors.ts"
import type { Log } from "../../base/log.ts"
import type { ChannelId } from "../../channels/channel.ts"
import type { Tx } from "../../db/db.ts"
import {
  type ApprovalMessage,
  type DecidedApproval,
  decidedApprovals,
  markCleared,
} from "../../thread/approvals/buttons.ts"
import { outcomeText } from "../../thread/approvals/words.ts"

/**
 * Replaces the text of an approval's message by `text` and removes its buttons. Throws `Retry` or `Uncertain` when another
 * try may help, anything else when none will.
 */
export type CloseApproval = (message: ApprovalMessage, text: string, signal: AbortSignal) => Promise<void>

export interface ButtonDeps {
  db: Tx
  clock: Clock
  log: Log
  /** One for each channel that has buttons. */
  closers: ReadonlyMap<ChannelId, CloseApproval>
  /** IANA name of the time zone for people who never named theirs. */
  defaultZone: string
}

const TIMEOUT_MS = 10_000
const RETRY_MS = 60_000

/** @returns the chore. It does one round at a time: a call during a round does nothing. */
export function createButtonClearing({ db, clock, log, closers, defaultZone }: ButtonDeps): () => Promise<void> {
  /** When an approval whose messages could not be changed is tried again, in milliseconds since the epoch. */
  const notBefore = new Map<string, number>()
  let isBusy = false

  async function clear(decided: DecidedApproval): Promise<void> {
    const { approvalId, messages, zone } = decided
    try {
      for (const message of messages) {
        const outcome = outcomeText(decided, zone ?? defaultZone, message.channel)
        const text = `${message.text}\n\n**${outcome}**`
        await closers.get(message.channel)?.(message, text, AbortSignal.timeout(TIMEOUT_MS))
      }
      await markCleared(db, approvalId, clock.now())
    } catch (error) {
      log.warn("buttons_not_removed", { approval: approvalId, error })
      const canRetry = error instanceof Retry || error instanceof Uncertain
      if (canRetry) notBefore.set(approvalId, clock.now().getTime() + RETRY_MS)
      else await markCleared(db, approvalId, clock.now())
    }
  }

  return async () => {
    if (isBusy) return
    isBusy = true
    try {
      const now = clock.now().getTime()
      for (const [approvalId, at] of notBefore) if (at <= now) notBefore.delete(approvalId)
      for (const approval of await decidedApprovals(db, [...notBefore.keys()])) await clear(approval)
    } finally {
      isBusy = false
    }
  }
}
