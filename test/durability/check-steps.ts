/** Steps: what was begun has an outcome, nothing is done twice or against a person's word, and each due instant has an end. */
import type { ApprovalRow, Evidence, JournalRow, Schedule } from "./evidence.ts"

/** How long after it went on a stopped process may still do what it was about to do outside, in milliseconds. */
const WAKE_MS = 5000

export function openSteps({ journal, runs }: Evidence): string[] {
  const done = new Set(runs.filter(({ state }) => state === "done").map(({ id }) => id))
  const step = ({ runId, n }: JournalRow) => `${runId} ${n}`
  const ended = new Set(journal.filter(({ phase }) => phase !== "intent").map(step))
  return journal
    .filter((row) => row.phase === "intent" && row.kind !== "wait" && done.has(row.runId) && !ended.has(step(row)))
    .map(({ n, name, runId }) => `step ${n} (${name}) of run ${runId} has no outcome`)
}

function isWaking(wakes: Date[], at: Date): boolean {
  return wakes.some((wake) => at >= wake && at.getTime() - wake.getTime() < WAKE_MS)
}

/** A moment, and how long after the last wake of a stopped process it was. */
function when(at: Date, wakes: Date[]): string {
  const last = wakes.filter((wake) => wake <= at).at(-1)
  return `${at.toISOString().slice(11, 23)}${last ? ` (${at.getTime() - last.getTime()} ms after a wake)` : ""}`
}

/** Labels by issue. A second one that a worker put on as it woke is what no fence of ours can hold back, and changes nothing. */
function labelsOf({ labelled, wakes }: Evidence): Map<number, Evidence["labelled"]> {
  const byIssue = Map.groupBy(labelled, ({ issue }) => issue)
  for (const [issue, all] of byIssue)
    byIssue.set(
      issue,
      all.filter(({ at }, index) => index === 0 || !isWaking(wakes, at)),
    )
  return byIssue
}

/** A model is asked again only while the journal does not have its answer, or by a worker that slept through it. */
export function repeatedModelCalls({ journal, asked, wakes }: Evidence): string[] {
  const byQuestion = Map.groupBy(asked, ({ question }) => question)
  const questions = new Map(asked.map(({ no, question }) => [no, question]))
  return journal.flatMap(({ answer, at, runId, n }) => {
    const question = answer === null ? undefined : questions.get(answer)
    const same = question === undefined ? [] : (byQuestion.get(question) ?? [])
    const again = same.filter((call) => call.no !== answer && call.at > at && !isWaking(wakes, call.at))
    return again.length === 0
      ? []
      : [`the model was asked for step ${n} of run ${runId} again (request ${again.map(({ no }) => no).join(", ")})`]
  })
}

/** Once each; a job that was given up, or whose run a limit ended, may have done nothing. */
export function repeatedEffects(evidence: Evidence): string[] {
  const { rows, journal, inbox, outbox, wakes } = evidence
  const limited = new Set(outbox.filter(({ isLimit }) => isLimit).map(({ runId }) => runId))
  const state = new Map(inbox.map((row) => [row.tag, limited.has(row.runId) ? "limited" : row.state]))
  const counted = rows.flatMap(({ name, tag, times }) =>
    times === 1 || (times === 0 && state.get(tag) !== "done") ? [] : [`${name} is there ${times} times`],
  )
  const writes = labelsOf(evidence)
  const repeated = [...writes].flatMap(([issue, all]) =>
    all.length > 1
      ? [`issue ${issue} was labelled ${all.length} times: ${all.map(({ at }) => when(at, wakes)).join(", ")}`]
      : [],
  )
  const late = journal.flatMap(({ issue, at, phase }) => {
    if (issue === null || phase !== "outcome") return []
    const after = (writes.get(issue) ?? []).some((write) => write.at > at)
    return after ? [`issue ${issue} was labelled after that was journalled`] : []
  })
  return [...counted, ...repeated, ...late]
}

/**
 * What a person was asked about happened once when they said so, and never when they did not; every question had its end. An issue
 * whose run was given up in the middle of it, with a word to the owner, may be as it was.
 */
export function approvals(evidence: Evidence): string[] {
  const { waits, verdicts, inbox } = evidence
  const dead = new Set(inbox.filter(({ state }) => state === "dead").map(({ tag }) => tag))
  const said = new Map(verdicts.map(({ issue, verdict }) => [issue, verdict]))
  const writes = labelsOf(evidence)
  return waits.flatMap((wait) => {
    const { issue, state } = wait
    const verdict = said.get(issue)
    if (verdict !== (WORDS.get(state) ?? state))
      return [`the question about issue ${issue} is ${state}, the owner said ${verdict ?? "nothing"}`]
    const times = writes.get(issue)?.length ?? 0
    return times === 0 && dead.has(`issue-${issue}`) ? [] : carriedOut(wait, times)
  })
}

const WORDS = new Map([
  ["approved", "OK"],
  ["denied", "NO"],
])

function carriedOut({ issue, state, isUsed }: ApprovalRow, times: number): string[] {
  if (state === "denied") return times === 0 ? [] : [`issue ${issue} was labelled although the owner said no`]
  if (!isUsed) return [`the approval for issue ${issue} was never used`]
  return times === 1 ? [] : [`issue ${issue} was approved and labelled ${times} times`]
}

/** One row an instant, up to where the automation was looked at, and each row with an end. */
export function instants({ schedules }: Evidence): string[] {
  return schedules.flatMap((schedule) => {
    const due = dueOf(schedule)
    const had = schedule.instants.map(({ dueAt }) => dueAt.getTime()).sort((a, b) => a - b)
    const name = `automation ${schedule.id}`
    const unequal = due.join() === had.join() ? [] : [`${name} was due ${due.length} times and has ${had.length} rows`]
    const open = schedule.instants.filter(({ state }) => state === "started")
    return [...unequal, ...open.map(({ dueAt }) => `${name} has no end for ${dueAt.toISOString()}`)]
  })
}

function dueOf({ everyMs, firstAt, handledTo }: Schedule): number[] {
  const first = firstAt.getTime()
  const last = handledTo.getTime()
  if (first > last) return []
  if (everyMs === null) return [first]
  return Array.from({ length: Math.floor((last - first) / everyMs) + 1 }, (_, index) => first + index * everyMs)
}
