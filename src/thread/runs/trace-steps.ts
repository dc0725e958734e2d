/** Run steps: a run's journal folded into one row a step: what was asked for, what came of it, how long, how much. */
import { z } from "zod"
import type { StepKind, StoredEntry } from "../../journal/journal.ts"

export interface RunStep {
  n: number
  kind: StepKind
  name: string
  /** `open`: begun, and no outcome yet. `failed`: the outcome is a failure, as data. */
  state: "open" | "done" | "failed"
  /** What the policy said, for a tool; what the person said, for an approval. */
  verdict: { decision: string; reason: string } | null
  request: unknown
  result: unknown
  inputTokens: number | null
  cachedTokens: number | null
  outputTokens: number | null
  /** US dollars; null when unpriced, or when nothing was paid for. */
  costUsd: number | null
  startedAt: Date
  endedAt: Date | null
  /** Milliseconds from intent to written outcome; null for what has no intent (a note) or no outcome yet. */
  durationMs: number | null
}

const asked = z.object({ verdict: z.object({ decision: z.string(), reason: z.string() }) })
const answered = z.object({ state: z.string(), via: z.string().nullish() })
const failure = z.object({ ok: z.literal(false), code: z.string(), message: z.string() })

/** In the order of the steps. */
export function stepsFrom(entries: StoredEntry[]): RunStep[] {
  const byStep = Map.groupBy(entries, (entry) => entry.n)
  return [...byStep.entries()].sort(([a], [b]) => a - b).flatMap(([, parts]) => stepOf(parts) ?? [])
}

function stepOf(parts: StoredEntry[]): RunStep | null {
  const intent = parts.find((part) => part.phase === "intent")
  const end = parts.find((part) => part.phase !== "intent")
  const first = intent ?? end
  if (!first) return null
  return {
    n: first.n,
    kind: first.kind,
    name: first.name,
    state: end ? (failure.safeParse(end.result).success ? "failed" : "done") : "open",
    verdict: verdictOf(first, end),
    request: first.request ?? null,
    result: end?.result ?? null,
    ...paidFor(end),
    startedAt: first.at,
    endedAt: end?.at ?? null,
    durationMs: intent && end ? end.at.getTime() - intent.at.getTime() : null,
  }
}

function paidFor(
  end: StoredEntry | undefined,
): Pick<RunStep, "inputTokens" | "cachedTokens" | "outputTokens" | "costUsd"> {
  const { inputTokens = null, cachedTokens = null, outputTokens = null, costUsd = null } = end ?? {}
  return { inputTokens, cachedTokens, outputTokens, costUsd }
}

function verdictOf(first: StoredEntry, end: StoredEntry | undefined): RunStep["verdict"] {
  if (first.kind === "tool") return asked.safeParse(first.request).data?.verdict ?? null
  if (first.kind !== "wait" || !end) return null
  const said = answered.safeParse(end.result).data
  if (said) return { decision: said.state, reason: said.via ? `by ${said.via}` : "" }
  const no = failure.safeParse(end.result).data
  return no ? { decision: no.code, reason: no.message } : null
}
