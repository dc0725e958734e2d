/** Cell run: one product and its database, through one cell: it dies as the cell says, is started again, and comes to the end. */
import { z } from "zod"
import { type Cell, nameOf, TOOL_OF } from "./cells.ts"
import type { CrashingProduct } from "./product.ts"
import type { StandIns } from "./stand-ins.ts"

/** For the product to come to a point, and to the end. */
const PATIENCE_MS = 90_000
/** For a job whose worker died to come again: by the queue's own clock, which nothing here moves. */
const QUEUE_PATIENCE_MS = 300_000
const STRANGERS = 90_000
const LOOK_MS = 100

export interface Fixture {
  product: CrashingProduct
  standIns: StandIns
  /** After a death: leases and sends of the dead run out at once instead of after seconds. */
  expireLeases(): Promise<void>
}

export interface Ended {
  cell: Cell
  violations: string[]
  /** How it came to its end. */
  end: string
}

interface State extends Record<string, unknown> {
  events: number
  done: number
  runs: number
  runsDone: number
  attempts: number
  held: number
  questions: number
  memories: number
  vectors: number
  occurrences: number
  code: string | null
  kind: string | null
  unsent: number
}

/** Goes through one cell; leaves a living process behind. */
export async function runCell(fixture: Fixture, cell: Cell): Promise<Ended> {
  try {
    const [first, ...others] = cell.deaths
    if (!first) throw new Error("a cell needs a death")
    if (!fixture.product.url()) await fixture.product.start(null)
    const answered = new Set<string>()
    const begun = await begin(fixture, cell, () => fixture.product.arm(first))
    for (const next of [...others, null]) {
      await drive(fixture, cell, "death", answered)
      if (!(await fixture.product.died(1000))) throw new Error("it did not die")
      await fixture.expireLeases()
      await fixture.product.start(next)
    }
    await drive(fixture, cell, "end", answered)
    await begun.taken
    return await judge(fixture, cell)
  } catch (error) {
    const violations = [
      `${nameOf(cell)}: ${error instanceof Error ? error.message : String(error)}; ${fixture.product.said().slice(-300)}`,
    ]
    await fixture.product.stop()
    await fixture.expireLeases()
    return { cell, violations, end: "none" }
  }
}

interface Begun {
  /** Ends when somebody took it, which may be after the first death. */
  taken: Promise<void>
}

/** Starts what the cell is about. */
async function begin(fixture: Fixture, cell: Cell, arm: () => Promise<void>): Promise<Begun> {
  const { standIns, product } = fixture
  const write = (text: string, from?: number): Begun => ({
    taken: standIns.write(() => product.url(), { id: cell.number * 1000, text, ...(from ? { from } : {}) }),
  })
  if (cell.flow === "pairing") {
    const code = await pairingCode(fixture, `Guest ${cell.number}`)
    await arm()
    return write(code, STRANGERS + cell.number)
  }
  if (cell.flow === "expiry") {
    const begun = write(wordsOf(cell))
    await until(async () => (await look(fixture, cell)).code !== null)
    await arm()
    await product
      .sql("update approvals set expires_at = now() - interval '1 second' where state = 'open'")
      .catch(() => {})
    return begun
  }
  await arm()
  return write(wordsOf(cell))
}

function wordsOf({ number, flow, replay }: Cell): string {
  if (flow === "reminder") return `errand-${number} remind {"text":"Wake up ${number}","when":"in 2 seconds"}`
  if (flow === "approval" || flow === "expiry") return `errand-${number} erase {"number":${number}}`
  if (replay === "transactional") return `errand-${number} remember {"text":"Fact ${number} of the list"}`
  return `errand-${number} ${TOOL_OF[replay]} {"number":${number}}`
}

async function pairingCode({ product, standIns }: Fixture, name: string): Promise<string> {
  const answer = await fetch(`${product.url()}/api/v1/pairings`, {
    method: "POST",
    headers: { authorization: `Bearer ${standIns.token}`, "content-type": "application/json" },
    body: JSON.stringify({ name }),
  })
  return z.object({ code: z.string() }).parse(await answer.json()).code
}

type Goal = "death" | "end"

/** Answers questions truthfully, until the process dies, or all is at its end. */
async function drive(fixture: Fixture, cell: Cell, goal: Goal, answered: Set<string>): Promise<void> {
  const deadline = Date.now() + (cell.flow === "vector" ? QUEUE_PATIENCE_MS : PATIENCE_MS)
  while (Date.now() < deadline) {
    const state = await look(fixture, cell).catch(() => null)
    if (await isReached(fixture, cell, goal, state)) return
    if (state) answer(fixture, cell, state, answered)
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
  const last = JSON.stringify(await look(fixture, cell).catch(String))
  throw new Error(goal === "death" ? `the point was never passed: ${last}` : `it came to no end: ${last}`)
}

async function isReached(fixture: Fixture, cell: Cell, goal: Goal, state: State | null): Promise<boolean> {
  return goal === "death" ? fixture.product.died(0) : state !== null && isAtEnd(cell, state, fixture)
}

/** Once a question; a message that meets a dying process is delivered again to the next one. */
function answer({ standIns, product }: Fixture, cell: Cell, { code, kind }: State, answered: Set<string>): void {
  if (code === null || answered.has(code) || cell.flow === "expiry") return
  answered.add(code)
  const happened = standIns.effects.some(({ number }) => number === cell.number)
  const word = kind === "approval" || happened ? "OK" : "AGAIN"
  const id = cell.number * 1000 + 500 + answered.size
  void standIns.write(() => product.url(), { id, text: `${code} ${word}` })
}

function isAtEnd(cell: Cell, state: State, fixture: Fixture): boolean {
  if (cell.flow === "pairing")
    return state.unsent === 0 && fixture.standIns.telegram.sent.some(({ chat }) => chat === STRANGERS + cell.number)
  const isAnswered =
    state.events > 0 &&
    state.runsDone === state.runs &&
    state.unsent === 0 &&
    state.held === 0 &&
    replies(fixture, cell) > 0
  if (cell.flow === "reminder")
    return isAnswered && fixture.standIns.telegram.sent.some(({ text }) => text.includes(`Wake up ${cell.number}`))
  if (cell.flow === "vector") return isAnswered && state.vectors > 0
  return isAnswered
}

function replies({ standIns }: Fixture, { number }: Cell): number {
  return standIns.telegram.sent.filter(({ text }) => text.includes(`done errand-${number}.`)).length
}

async function look({ product }: Fixture, { number }: Cell): Promise<State> {
  const mine = `(payload ->> 'text') like 'errand-${number} %'`
  const [row] = await product.sql(`
    with events as (select * from inbox where ${mine}), own as (select * from runs where id in (select run_id from events))
    select (select count(*) from events) as events, (select count(*) from events where state = 'done') as done,
      (select count(*) from own) as runs, (select count(*) from own where state = 'done') as "runsDone",
      (select coalesce(max(attempts), 0) from own) as attempts,
      (select count(*) from threads where owner is not null) as held,
      (select count(*) from approvals where run_id in (select id from own) and kind = 'uncertain') as questions,
      (select code from approvals where run_id in (select id from own) and state = 'open' limit 1) as code,
      (select kind from approvals where run_id in (select id from own) and state = 'open' limit 1) as kind,
      (select count(*) from memories where text = 'Fact ${number} of the list') as memories,
      (select count(*) from memory_embeddings join memories on id = memory_id where text = 'Fact ${number} of the list') as vectors,
      (select count(*) from occurrences join automations on id = automation_id where action ->> 'text' = 'Wake up ${number}') as occurrences,
      (select count(*) from outbox where state in ('pending', 'sending')) as unsent`)
  if (!row) throw new Error("nothing was answered")
  // The columns of the statement above.
  return row as State
}

async function judge(fixture: Fixture, cell: Cell): Promise<Ended> {
  const state = await look(fixture, cell)
  const effects = fixture.standIns.effects.filter(({ number }) => number === cell.number)
  const wrong: string[] = []
  const must = (isSo: boolean, what: string) => {
    if (!isSo) wrong.push(`${nameOf(cell)}: ${what} (${JSON.stringify(state)})`)
  }
  if (cell.flow === "pairing") {
    const welcomes = fixture.standIns.telegram.sent.filter(({ chat }) => chat === STRANGERS + cell.number).length
    must(welcomes === 1, `${welcomes} welcomes`)
    return { cell, violations: wrong, end: "went on" }
  }
  must(state.events === 1 && state.done === 1, "the message has not exactly one end")
  must(state.runs === 1 && state.runsDone === 1, "there is not exactly one run, done")
  const said = replies(fixture, cell)
  must(said <= (mayRepeat(cell) ? 2 : 1), `the reply came ${said} times`)
  must(new Set(effects.map(({ opId }) => opId)).size <= 1, "an effect has two operation ids")
  judgeEffects(cell, state, { effects: effects.length, must })
  return { cell, violations: wrong, end: endOf(cell, state, effects.length) }
}

interface Judging {
  effects: number
  must(isSo: boolean, what: string): void
}

function judgeEffects(cell: Cell, state: State, { effects, must }: Judging): void {
  const isHidden = cell.replay === "unsafe" && cell.deaths.some(hidesEffect)
  must(state.questions === (isHidden ? 1 : 0), `${state.questions} questions about what happened`)
  const [least, most] = effectsOf(cell)
  must(effects >= least && effects <= most, `the effect happened ${effects} times`)
  if (cell.flow === "reminder") must(state.occurrences === 1, "the instant has not exactly one row")
  if (cell.flow === "vector" || (cell.flow === "tool" && cell.replay === "transactional"))
    must(state.memories === 1, "there is not exactly one memory")
}

/** How often the workload outside may have seen it. */
function effectsOf({ flow, replay, deaths }: Cell): [least: number, most: number] {
  if (flow === "approval") return [1, 1]
  if (flow !== "tool" || replay === "transactional") return [0, 0]
  return replay === "pure" || replay === "idempotent" ? [1, 1 + deaths.length] : [1, 1]
}

/** Between the commit of the intent and that of the outcome nobody knows what happened. */
function hidesEffect({ name, moment }: Cell["deaths"][number]): boolean {
  return name === "effect" || (name === "intent" && moment === "after") || (name === "outcome" && moment === "before")
}

/** Where nobody can tell whether the channel took the message, which Telegram cannot be asked. */
function mayRepeat({ deaths }: Cell): boolean {
  return deaths.some(
    ({ name, moment }) => (name === "sent" && moment === "before") || (name === "take" && moment === "after"),
  )
}

function endOf(cell: Cell, state: State, effects: number): string {
  if (state.questions > 0) return "asked the owner"
  if (effects > 1) return "ran again, same operation id"
  if (cell.replay === "reconcile" && cell.deaths.some(hidesEffect)) return "looked, then went on"
  return state.attempts > 0 ? "went on from the journal" : "went on"
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS
  while (!(await isSo().catch(() => false))) {
    if (Date.now() > deadline) throw new Error("it did not come to pass")
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
}
