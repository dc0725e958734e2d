/**
 * Labels: how far data can be trusted (integrity) and who may see it (confidentiality). A mixture is as trustworthy as its
 * least trusted part and as secret as its most secret part. No summary raises a label, because it repeats what it read.
 */
export const INTEGRITY = ["untrusted", "collaborator", "system", "owner"] as const
export const CONFIDENTIALITY = ["public", "private", "secret"] as const

export interface Label {
  integrity: (typeof INTEGRITY)[number]
  confidentiality: (typeof CONFIDENTIALITY)[number]
}

export const OWNER_LABEL: Label = { integrity: "owner", confidentiality: "private" }
/** For words of a member: a known person who is not the owner. */
export const MEMBER_LABEL: Label = { integrity: "collaborator", confidentiality: "private" }
export const SYSTEM_LABEL: Label = { integrity: "system", confidentiality: "private" }
export const UNTRUSTED_LABEL: Label = { integrity: "untrusted", confidentiality: "public" }

/** The label of several pieces of data together: the lowest integrity and the highest confidentiality. */
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
