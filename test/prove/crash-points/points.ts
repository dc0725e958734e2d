/**
 * Points: the names of the moments between which the product can die, and how each is known by the statement that passes it.
 * `before` it runs, `inside` its open transaction, and `after` it is committed and before anything follows from it.
 */

export const MOMENTS = ["before", "inside", "after"] as const
export type Moment = (typeof MOMENTS)[number]

export interface Point {
  name: PointName
  moment: Moment
}

interface Statement {
  text: string
  values: readonly unknown[]
}

const says =
  (pattern: RegExp) =>
  ({ text }: Statement) =>
    pattern.test(text)

/** Words of the statements, whose owners are named beside them. */
const POINTS = {
  /** thread/inbox/insert-event */
  accept: says(/insert into inbox/),
  /** thread/runs/lease; one thread's, as a nudge asks for it: a sweep's may find nothing */
  claim: says(/with free as \(.*where threads\.id = .* begun as/),
  /** journal/ledger */
  reserve: says(/insert into ledger/),
  settle: says(/update ledger set state = 'settled'/),
  /** agent/durable/steps: what is about to be asked of a model */
  ask: (statement: Statement) => writes(statement, "model", "intent"),
  /** agent/durable/tool-step: what is about to be done, with nothing yet of what came of it */
  intent: (statement: Statement) => writes(statement, "tool", "intent") && !writes(statement, "tool", "outcome"),
  /** What came of a tool, with whatever is written next; for a database tool together with its work. */
  outcome: (statement: Statement) => writes(statement, "tool", "outcome"),
  /** thread/runs/steering */
  steer: says(/'outcome', 'note', 'steer'/),
  /** thread/runs/finish */
  finish: says(/ended as \( update runs set state/),
  suspend: says(/paused as \( update runs set state = 'waiting'/),
  /** thread/approvals/decide */
  answer: says(/answered_by = .* answered_via/),
  /** thread/approvals/approval */
  use: says(/update approvals set used_at/),
  expire: says(/with expired as \( update approvals/),
  /** thread/outbox/outbox: taken for sending; accepted by the channel, when it is before `sent`; stored as sent */
  take: says(/update outbox set state = 'sending', attempts/),
  sent: says(/update outbox set state = case when state in \('delivered', 'failed'\)/),
  /** schedule/automations/occurrences */
  tick: says(/insert into occurrences/),
  /** memory/embedding */
  embed: says(/insert into memory_embeddings/),
  /** thread/inbox/pairing */
  pairing: says(/update pairings set used_at/),
  /** Around the request of a tool to the workload outside; passed in the tool, by no statement. */
  effect: () => false,
} satisfies Record<string, (statement: Statement) => boolean>

export type PointName = keyof typeof POINTS

/** Which points a statement passes. */
export function pointsOf(statement: Statement): PointName[] {
  const text = statement.text.replaceAll(/\s+/g, " ")
  return names().filter((name) => POINTS[name]({ ...statement, text }))
}

function names(): PointName[] {
  return Object.keys(POINTS).filter((name): name is PointName => name in POINTS)
}

/** Whether entries of this kind and phase are among the parameters of an append to the journal. */
function writes({ text, values }: Statement, kind: string, phase: string): boolean {
  return (
    /insert into journal/.test(text) &&
    values.some((value) => typeof value === "string" && value.includes(`"phase":"${phase}","kind":"${kind}"`))
  )
}
