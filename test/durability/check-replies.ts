/** Replies: every answered message has one, it arrived, in order, and more than once only where nobody could know. */
import type { Evidence, Figures, OutboxRow } from "./evidence.ts"

const isJob = (tag: string) => tag.startsWith("job-")
/** A second way, taken when the first one surely failed. */
const isSecondWay = ({ isFallback }: OutboxRow) => isFallback

export function replies(evidence: Evidence): string[] {
  return [...missing(evidence), ...undelivered(evidence), ...sentTooOften(evidence), ...arrivedOutOfOrder(evidence)]
}

/** One reply for each message that a run answered. */
function missing({ acknowledged, outbox, inbox }: Evidence): string[] {
  const state = new Map(inbox.map((row) => [row.tag, row.state]))
  const limited = new Set(outbox.filter(({ isLimit }) => isLimit).map(({ runId }) => runId))
  const runOf = new Map(inbox.map((row) => [row.tag, row.runId]))
  const rows = new Map<string, number>()
  for (const row of outbox) if (!isSecondWay(row)) for (const tag of row.tags) rows.set(tag, (rows.get(tag) ?? 0) + 1)
  return acknowledged.flatMap(({ tag }) => {
    const wanted = state.get(tag) === "done" && !limited.has(runOf.get(tag) ?? null) ? 1 : 0
    const count = rows.get(tag) ?? 0
    return !isJob(tag) || count === wanted ? [] : [`${tag} has ${count} replies in the outbox`]
  })
}

function undelivered({ outbox, arrived }: Evidence): string[] {
  const times = arrivals(arrived)
  const unsent = outbox.flatMap(({ id, key, state }) =>
    state === "pending" || state === "sending" ? [`message ${id} (${key}) is still ${state}`] : [],
  )
  const wrong = spoken(outbox).flatMap((row) => {
    const name = `the reply to ${row.tags.join(", ")}`
    const counts = row.firstPage.map((tag) => times.get(tag) ?? 0)
    const isDoubted = (row.state === "uncertain" && mayStayUnsure(row)) || row.state === "failed"
    if (Math.min(...counts) === 0 && !isDoubted) return [`${name} never arrived (${row.state})`]
    const most = Math.max(...counts)
    return most > 1 && row.attempts < most ? [`${name} arrived ${most} times in ${row.attempts} tries`] : []
  })
  return [...unsent, ...wrong]
}

/** Told to the owner as unsure: a text message, which costs, after one try; where nobody can be asked, after a second one. */
function mayStayUnsure({ channel, attempts }: OutboxRow): boolean {
  return attempts > (channel === "sms" ? 0 : 1)
}

/** Where the channel was told which message it is: never the same words more often than there were tries. */
function sentTooOften({ outbox, arrived }: Evidence): string[] {
  const attempts = new Map(outbox.map((row) => [row.id, row.attempts]))
  const known = arrived.filter(({ op }) => op !== "")
  return [...Map.groupBy(known, ({ op, text }) => `${op} ${text}`).values()].flatMap((same) => {
    const [first] = same
    const tries = attempts.get(first?.op ?? "") ?? 0
    return same.length > tries ? [`message ${first?.op} arrived ${same.length} times in ${tries} tries`] : []
  })
}

function arrivedOutOfOrder({ outbox, arrived }: Evidence): string[] {
  const places = new Map<string, number>()
  for (const [place, { tags }] of arrived.entries())
    for (const tag of tags) if (!places.has(tag)) places.set(tag, place)
  return [...Map.groupBy(spoken(outbox), (row) => row.threadId)].flatMap(([thread, rows]) => {
    const came = rows.toSorted((a, b) => a.seq - b.seq).flatMap((row) => places.get(row.tags[0] ?? "") ?? [])
    return isRising(came) ? [] : [`replies of thread ${thread} arrived out of order`]
  })
}

export function tally({ inbox, outbox, arrived }: Evidence): Figures {
  const times = arrivals(arrived)
  const doubled = spoken(outbox).filter((row) => row.tags.some((tag) => (times.get(tag) ?? 0) > 1))
  return {
    deadLettered: inbox.filter(({ state }) => state === "dead").length,
    duplicatesExplained: doubled.length,
    limited: outbox.filter(({ isLimit }) => isLimit).length,
    uncertain: outbox.filter(({ state }) => state === "uncertain").length,
  }
}

/** How often each job's reply arrived. */
function arrivals(arrived: Evidence["arrived"]): Map<string, number> {
  const times = new Map<string, number>()
  for (const { tags } of arrived) for (const tag of tags) times.set(tag, (times.get(tag) ?? 0) + 1)
  return times
}

/** Replies that a channel had to carry. */
function spoken(outbox: OutboxRow[]): OutboxRow[] {
  return outbox.filter((row) => row.channel !== "web" && row.tags.length > 0 && !isSecondWay(row))
}

function isRising(numbers: number[]): boolean {
  return numbers.every((number, index) => index === 0 || number > (numbers[index - 1] ?? 0))
}
