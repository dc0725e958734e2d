/** Outcome of an approval in words: who decided it, when and where; for those who come late, and for those who look back. */
import type { ChannelId } from "../../channels/channel.ts"
import type { APPROVAL_STATES } from "../../contract/conversation/approvals.ts"
import { clockText, zoned } from "../../schedule/recurrence/zone.ts"

export type ApprovalState = (typeof APPROVAL_STATES)[number]

export interface ApprovalOutcome {
  state: ApprovalState
  kind: "approval" | "uncertain"
  /** Who answered; null for nobody, or for somebody without a name. */
  by: string | null
  via: ChannelId | null
  at: Date | null
}

const PLACES: Record<ChannelId, string> = {
  web: "on the web",
  telegram: "in Telegram",
  sms: "by SMS",
  email: "by e-mail",
  github: "on GitHub",
}

const APPROVAL: Record<ApprovalState, string> = {
  open: "Open",
  approved: "Approved",
  denied: "Denied",
  changed: "Not done; answered in words",
  redo: "To be done again",
  expired: "Expired, so nothing was done",
  cancelled: "Withdrawn, as it was decided elsewhere",
}

const UNCERTAIN: Record<ApprovalState, string> = { ...APPROVAL, approved: "Confirmed", denied: "Left as it is" }

/** `Approved by Ana, 9:14 AM, by SMS`; `zone` and `here` as for `signature`. */
export function outcomeText(decision: ApprovalOutcome, zone: string | null, here: ChannelId): string {
  return `${(decision.kind === "approval" ? APPROVAL : UNCERTAIN)[decision.state]}${signature(decision, zone, here)}`
}

/**
 * ` by Ana, 9:14 AM, by SMS`; empty for what nobody answered.
 * @param zone the reader's; null leaves the time out, which would mislead.
 * @param here the reader's channel: a decision made there needs no place.
 */
export function signature({ by, via, at }: ApprovalOutcome, zone: string | null, here: ChannelId): string {
  const who = by === null ? "" : ` by ${by}`
  const when = at === null || zone === null ? "" : `, ${clockText(zoned(at.getTime(), zone))}`
  const where = via === null || via === here ? "" : `, ${PLACES[via]}`
  return `${who}${when}${where}`
}
