/**
 * Evidence: what the past of the repository and the words of an issue say about its kind. Of a past issue only the decision
 * and the similarity are in it. The text of a past issue never leaves this file, because a stranger wrote it.
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
  /** Similarity of the words, 0 to 1. */
  similarity: number
  /** Whether a person changed the kind that triage chose. */
  corrected: boolean
  /** Login to whom a person gave it instead of triage's choice. */
  correctedAssignee: string | null
}

export interface Evidence {
  shares: Shares
  /** Number of past decisions behind the shares; 0 when they come from the rules alone. */
  learnt: number
  /** What the strongest rule found; completes the sentence "it …". Null when no rule matched. */
  because: string | null
  /** At most five, the most similar first. */
  similar: Similar[]
}

export interface EvidenceDeps {
  memory: Pick<Memory, "recall">
  decisions: Pick<Decisions, "ofMemories">
  learning: Learning
}

/** The text of an issue, with its repository and number. */
export interface Subject extends IssueText {
  repo: string
  number: number
}

const NOMINEES = 20
const SHOWN = 5
/** Two issues with a lower similarity share only common words. */
const ALIKE = 0.12

/** Gathers the evidence about an issue. The issue itself is never among its similar issues. */
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

/** The text of an issue's memory: its title, a line break, and the beginning of its body. */
export function memoryText({ title, body }: IssueText): string {
  return `${title.replaceAll(/\s+/g, " ").trim() || "(no title)"}\n${body.slice(0, MAX_ISSUE_BODY)}`
}
