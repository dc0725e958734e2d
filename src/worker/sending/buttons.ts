/**
 * Buttons: messages of decided approvals lose their buttons and say what was decided, whoever decided it and wherever.
 * A courtesy: pressing one that is still there changes nothing, so a failure is tried again later and holds nobody up.
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

/** Puts `text` in the place of a question, without its buttons. */
export type CloseQuestion = (asked: ApprovalMessage, text: string, signal: AbortSignal) => Promise<void>

export interface ButtonDeps {
  db: Tx
  clock: Clock
  log: Log
  /** Of the channels that have buttons. */
  closers: ReadonlyMap<ChannelId, CloseQuestion>
  /** For people who never said theirs. */
  defaultZone: string
}

const TIMEOUT_MS = 10_000
const AGAIN_MS = 60_000

/** @returns the chore; it does one round at a time. */
export function createButtonClearing({ db, clock, log, closers, defaultZone }: ButtonDeps): () => Promise<void> {
  const notBefore = new Map<string, number>()
  let isBusy = false

  async function clear(decided: DecidedApproval): Promise<void> {
    const { approvalId, messages, zone } = decided
    try {
      for (const one of messages) {
        const what = outcomeText(decided, zone ?? defaultZone, one.channel)
        await closers.get(one.channel)?.(one, `${one.text}\n\n**${what}**`, AbortSignal.timeout(TIMEOUT_MS))
      }
      await markCleared(db, approvalId, clock.now())
    } catch (error) {
      log.warn("buttons_not_removed", { approval: approvalId, error })
      if (error instanceof Retry || error instanceof Uncertain)
        notBefore.set(approvalId, clock.now().getTime() + AGAIN_MS)
      else await markCleared(db, approvalId, clock.now())
    }
  }

  return async () => {
    if (isBusy) return
    isBusy = true
    try {
      const now = clock.now().getTime()
      for (const [approvalId, at] of notBefore) if (at <= now) notBefore.delete(approvalId)
      for (const one of await decidedApprovals(db, [...notBefore.keys()])) await clear(one)
    } finally {
      isBusy = false
    }
  }
}
