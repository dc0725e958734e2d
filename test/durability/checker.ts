/**
 * Checker: whether a history kept the promises. Pure, and tested by planting violations; it takes a moment for ten thousand
 * messages.
 */
import { outOfOrder, overlapping, staleWriters } from "./check-order.ts"
import { replies, tally } from "./check-replies.ts"
import { approvals, instants, openSteps, repeatedEffects, repeatedModelCalls } from "./check-steps.ts"
import type { Evidence, Figures, InboxRow, RunRow } from "./evidence.ts"

/** Every broken promise, one sentence each. */
export function violations(evidence: Evidence): string[] {
  return [
    ...lostOrDoubled(evidence),
    ...outOfOrder(evidence),
    ...overlapping(evidence),
    ...staleWriters(evidence),
    ...openSteps(evidence),
    ...repeatedModelCalls(evidence),
    ...repeatedEffects(evidence),
    ...approvals(evidence),
    ...instants(evidence),
    ...replies(evidence),
    ...evidence.held.map((thread) => `thread ${thread} is still held`),
    ...evidence.broken.map((id) => `journal row ${id} does not follow from the one before it`),
    ...evidence.crashes.map((crash) => `a process ended by itself: ${crash}`),
  ]
}

/** What is to be told beside the violations. */
export function figuresOf(evidence: Evidence): Figures {
  return tally(evidence)
}

/** Each acknowledged event has one row, and one end: done; or dead after the tries it may have, with a word to a person. */
function lostOrDoubled({ acknowledged, inbox, runs, outbox }: Evidence): string[] {
  const rows = Map.groupBy(inbox, (row) => row.tag)
  const run = new Map(runs.map((one) => [one.id, one]))
  const told = new Set(outbox.filter(({ key }) => key.includes(":failed:")).map(({ runId }) => runId))
  const doubled = [...rows].flatMap(([tag, all]) =>
    all.length > 1 ? [`${tag} is in the inbox ${all.length} times`] : [],
  )
  const unfinished = acknowledged.flatMap(({ tag }) => {
    const [row] = rows.get(tag) ?? []
    if (!row) return [`${tag} was acknowledged and is not in the inbox`]
    const its = row.runId === null ? undefined : run.get(row.runId)
    return hasEnd(row, its, told) ? [] : [`${tag} was acknowledged and is ${row.state}, ${fate(its)}`]
  })
  return [...doubled, ...unfinished]
}

function hasEnd({ tag, state }: InboxRow, run: RunRow | undefined, told: Set<string | null>): boolean {
  if (state === "dead") return run?.state === "failed" && told.has(run.id)
  // An answer to a question needs no run of its own.
  return state === "done" && (run ? run.state === "done" : !tag.includes("-"))
}

function fate(run: RunRow | undefined): string {
  return run ? `its run ${run.state} after ${run.attempts} failed tries, and nobody was told` : "without a run"
}
