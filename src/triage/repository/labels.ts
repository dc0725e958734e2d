/**
 * Issue labels: which labels triage may put on an issue. It uses only labels that the repository has, and never one that
 * makes a workflow act: "safe to test" or "merge" is for a person to say, and the text of an issue must never lead to it.
 */
import { z } from "zod"
import type { Clock } from "../../base/clock.ts"
import type { GitHub } from "../../channels/github/client.ts"
import { ISSUE_KINDS } from "../../contract/work/triage.ts"
import type { Kv } from "../../db/kv.ts"
import type { Kind } from "../classify/kind.ts"

/** Most labels that one decision adds to an issue. */
export const MAX_LABELS = 3

/** Words in the names of labels on which workflows act. */
const TRIGGER =
  /approv|accept|safe|trust|merge|release|deploy|publish|ship|backport|cherry|\bci\b|\brun|test|\bbot\b|lgtm|\bok\b|ok-to|bounty|security/i

/** The names that repositories use for each kind, the best first. */
const NAMES: Record<Kind, string[]> = {
  bug: ["bug", "type: bug", "type:bug", "kind/bug", "type/bug", "defect"],
  feature: [
    "enhancement",
    "feature",
    "feature request",
    "feature-request",
    "type: feature",
    "type:feature",
    "kind/feature",
    "type: enhancement",
    "type/enhancement",
  ],
  question: ["question", "type: question", "type:question", "kind/question", "support", "kind/support", "help"],
  docs: ["documentation", "docs", "type: docs", "type:docs", "type: documentation", "kind/documentation", "area/docs"],
}

export interface Labels {
  /** The labels that triage may use in `repo`: those of the owner's list (kv `labels:<repo>`), or without a list all but triggers. */
  allowed(repo: string, github: GitHub, signal: AbortSignal): Promise<string[]>
}

/** How long the labels of a repository are remembered, in milliseconds. */
const AGE = 10 * 60_000
const listed = z.array(z.string())

export function createLabels({ kv, clock }: { kv: Pick<Kv, "get">; clock: Clock }): Labels {
  const known = new Map<string, { names: string[]; until: number }>()
  return {
    async allowed(repo, github, signal) {
      const name = repo.toLowerCase()
      const now = clock.now().getTime()
      let found = known.get(name)
      if (!found || now >= found.until) {
        found = { names: await github.listLabels(repo, signal), until: now + AGE }
        known.set(name, found)
      }
      const entry = await kv.get("triage", `labels:${name}`)
      const list = listed.safeParse(entry?.value)
      const wanted = list.success ? new Set(list.data.map((one) => one.toLowerCase())) : null
      return found.names.filter((one) => (wanted ? wanted.has(one.toLowerCase()) : !TRIGGER.test(one)))
    },
  }
}

/** The label of a kind, as the repository spells it; null when it has none. */
export function issueLabelOf(kind: Kind, allowed: readonly string[]): string | null {
  for (const name of NAMES[kind]) {
    const found = allowed.find((one) => one.toLowerCase() === name)
    if (found !== undefined) return found
  }
  return null
}

/** The kind that the labels of an issue name; null when they name none, or several. */
export function kindOf(labels: readonly string[]): Kind | null {
  const named = ISSUE_KINDS.filter((kind) => labels.some((label) => NAMES[kind].includes(label.toLowerCase())))
  return named.length === 1 ? (named[0] ?? null) : null
}

/** At most three labels: the one of the kind, then those of `extra` that are allowed and name no kind. */
export function choose(kind: Kind, extra: readonly string[], allowed: readonly string[]): string[] {
  const others = extra.flatMap((wanted) => allowed.find((one) => one.toLowerCase() === wanted.toLowerCase()) ?? [])
  const quiet = others.filter((one) => kindOf([one]) === null)
  const first = issueLabelOf(kind, allowed)
  return [...new Set([...(first === null ? [] : [first]), ...quiet])].slice(0, MAX_LABELS)
}
