/** Triage: what was decided about GitHub issues, and who is on call for them. */
import { z } from "zod"
import { instant } from "../instant.ts"

/** What an issue can be. */
export const ISSUE_KINDS = ["bug", "feature", "question", "docs"] as const

const kind = z.enum(ISSUE_KINDS)
const day = z.iso.date()
const login = z
  .string()
  .trim()
  .regex(/^[a-z\d](?:[a-z\d-]{0,38})$/i, "must be a GitHub login")

export const repoName = z.string().regex(/^[\w.-]{1,100}\/[\w.-]{1,100}$/, "must be owner/name")

const decisionSchema = z.object({
  id: z.uuid(),
  /** `owner/name` in small letters. */
  repo: z.string(),
  number: z.number(),
  /** Of title and body. */
  contentHash: z.string(),
  title: z.string(),
  kind,
  /** 0 to 1. */
  confidence: z.number(),
  reason: z.string(),
  /** `rules`: form and words. `neighbours`: past decisions of the repository. `person`: it was labelled already. */
  method: z.enum(["model", "rules", "neighbours", "person"]),
  /** Worth a person's look: unsure, severe, or the model and the past disagree. */
  hard: z.boolean(),
  labels: z.array(z.string()),
  /** Login. */
  assignee: z.string().nullable(),
  /** The decision that was taken over. */
  reusedFrom: z.uuid().nullable(),
  url: z.string(),
  demo: z.boolean(),
  state: z.enum(["pending", "applied", "declined"]),
  /** A person's word instead of `kind`. */
  correctedTo: kind.nullable(),
  /** Login of whom a person gave the issue to, instead of `assignee`. */
  correctedAssignee: z.string().nullable(),
  runId: z.uuid(),
  /** The memory it is learnt by. */
  memoryId: z.number().nullable(),
  decidedAt: instant,
})
export type DecisionRow = z.output<typeof decisionSchema>

export const decisionsQuery = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  repo: z.string().max(140).optional(),
})

/** Newest first. */
export const decisionsAnswer = z.object({ decisions: z.array(decisionSchema) })

/** Who is on call: `logins` take turns of `everyDays` from `start` on; an override wins on its days. */
export const rotaSchema = z.object({
  /** IANA name; the installation's when absent. */
  zone: z.string().max(64).refine(isZone, "must be an IANA time zone").optional(),
  /** First day of the first turn, `YYYY-MM-DD`. */
  start: day,
  everyDays: z.number().int().min(1).max(365).default(7),
  /** Who takes turns, in order. */
  logins: z.array(login).min(1).max(100),
  /** Both days included; the last one that fits wins. */
  overrides: z
    .array(z.object({ from: day, to: day, login }))
    .max(500)
    .default([]),
})
export type Rota = z.output<typeof rotaSchema>

/** Without `repo`: the rota of every repository that has none of its own. */
export const rotaQuery = z.object({ repo: repoName.optional() })

export const rotaAnswer = z.object({ rota: rotaSchema.nullable() })

function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name })
    return true
  } catch {
    return false
  }
}
