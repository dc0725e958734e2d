/**
 * Evidence: what this repository's past and an issue's own words say about it. Past issues speak only through their
 * decision (kind, labels, how alike); their text goes nowhere.
 */
import type { Memory } from "../../memory/memory.ts"
import { repoScope } from "../../memory/scope.ts"
import type { IssueText, Kind, Shares } from "../classify/kind.ts"
import { guess } from "../classify/rules.ts"
import { MAX_ISSUE_BODY } from "../classify/words.ts"
import { bodyOf, type Decisions } from "./decisions.ts"
import type { Learning } from "./learning.ts"

/** A past decision about a similar issue. */
export interface Similar {
  number: number
  kind: Kind
  labels: string[]
  /** Of the words, 0 to 1. */
  similarity: number
  /** The kind is a person's word against ours. */
  corrected: boolean
  /** Login of whom a person gave it to, against our choice. */
  correctedAssignee: string | null
}

export interface Evidence {
  shares: Shares
  /** Past decisions behind the shares; 0 when the rules alone speak. */
  learnt: number
  /** What the rules saw, completing "it …"; null when nothing. */
  because: string | null
  /** Most alike first, at most five. */
  similar: Similar[]
}

export interface EvidenceDeps {
  memory: Pick<Memory, "recall">
  decisions: Pick<Decisions, "ofMemories">
  learning: Learning
}

/** An issue and where it is from. */
export interface Subject extends IssueText {
  repo: string
  number: number
}

const NOMINEES = 20
const SHOWN = 5
/** Below it two issues only share common words. */
const ALIKE = 0.12

export async function gather(deps: EvidenceDeps, issue: Subject, signal: AbortSignal): Promise<Evidence> {
  const [classifier, recalled] = await Promise.all([
    deps.learning.of(issue.repo),
    deps.memory.recall(
      { scopes: [repoScope(issue.repo)], kinds: ["decision"], text: memoryText(issue), limit: NOMINEES },
      signal,
    ),
  ])
  const texts = new Map(recalled.map(({ id, text }) => [id, text]))
  const past = await deps.decisions.ofMemories(issue.repo, [...texts.keys()])
  const similar = past
    .filter(({ number }) => number !== issue.number)
    .map(({ memoryId, ...decided }) => {
      const text = texts.get(memoryId) ?? ""
      const other = { title: text.split("\n", 1)[0] ?? "", body: bodyOf(text) }
      return { ...decided, similarity: classifier.similarity(issue, other) }
    })
    .filter(({ similarity }) => similarity >= ALIKE)
    .sort((a, b) => b.similarity - a.similarity)
    .slice(0, SHOWN)
  return { shares: classifier.shares(issue), learnt: classifier.learnt, because: guess(issue).because, similar }
}

/** What is remembered of an issue: its title, a line break, and the beginning of its body. */
export function memoryText({ title, body }: IssueText): string {
  return `${title.replaceAll(/\s+/g, " ").trim() || "(no title)"}\n${body.slice(0, MAX_ISSUE_BODY)}`
}
