/**
 * Labels: where data came from (integrity) and who may see it (confidentiality). A mixture is as trustworthy as
 * its least trusted part and as secret as its most secret one; no summary ever raises a label.
 */
export const INTEGRITY = ["untrusted", "collaborator", "system", "owner"] as const
export const CONFIDENTIALITY = ["public", "private", "secret"] as const

export interface Label {
  integrity: (typeof INTEGRITY)[number]
  confidentiality: (typeof CONFIDENTIALITY)[number]
}

export const OWNER_LABEL: Label = { integrity: "owner", confidentiality: "private" }
/** A member of the household: known, and not the owner. */
export const MEMBER_LABEL: Label = { integrity: "collaborator", confidentiality: "private" }
export const SYSTEM_LABEL: Label = { integrity: "system", confidentiality: "private" }
export const UNTRUSTED_LABEL: Label = { integrity: "untrusted", confidentiality: "public" }

/** The label of everything in `labels` put together: meet of integrity, join of confidentiality. */
export function mix(first: Label, ...rest: Label[]): Label {
  const all = [first, ...rest]
  const lowest = Math.min(...all.map((l) => INTEGRITY.indexOf(l.integrity)))
  const highest = Math.max(...all.map((l) => CONFIDENTIALITY.indexOf(l.confidentiality)))
  return {
    integrity: INTEGRITY[lowest] ?? "untrusted",
    confidentiality: CONFIDENTIALITY[highest] ?? "secret",
  }
}

/** Whether `have` is at least as trustworthy as `need`. */
export function trusts(have: Label["integrity"], need: Label["integrity"]): boolean {
  return INTEGRITY.indexOf(have) >= INTEGRITY.indexOf(need)
}
