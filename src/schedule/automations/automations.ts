/**
 * Automations: what Vigil does by itself, and when. Every change of an automation locks its row. A change that
 * ends or replaces its schedule first settles the instants that were due until then, so that no due instant is without a
 * row in `occurrences`.
 */
import { type SQL, sql } from "drizzle-orm"
import type { Clock } from "../../base/clock.ts"
import { Reject } from "../../base/errors.ts"
import type { Db, Tx } from "../../db/db.ts"
import { json } from "../../db/sql.ts"
import { next, recurrenceSchema } from "../recurrence/recurrence.ts"
import { actionSchema, titleOf } from "./action.ts"
import type { Automation, NewAutomation } from "./automation.ts"
import { historyOf, type Occurrence, record, settleOccurrence } from "./occurrences.ts"

type Named = NewAutomation & { name: string }

export interface Automations {
  /** Makes an automation. Throws `Reject` when it would never be due, or when its name is taken. */
  create(tx: Tx, made: NewAutomation): Promise<Automation>
  /**
   * Makes a named automation unless it exists, and moves it to another schedule, zone or person when that changed. A
   * cancelled or paused automation stays so; a retired one comes back.
   */
  ensure(tx: Tx, made: Named): Promise<Automation>
  /** Puts the named automation on a new schedule from now on, and makes it active whatever its state was. */
  replace(tx: Tx, made: Named): Promise<Automation>
  /** Ends a named automation that has nothing to work on, until `ensure` brings it back. */
  retire(tx: Tx, name: string): Promise<void>
  get(id: number, tx?: Tx): Promise<Automation | null>
  named(name: string, tx?: Tx): Promise<Automation | null>
  /** Active and paused automations by number: of one person, or of everyone when `personId` is absent. */
  list(personId?: string, tx?: Tx): Promise<Automation[]>
  /**
   * Null when this person has no such active or paused automation. With `personId` null, it may be anyone's. The same
   * goes for `pause` and `resume`.
   */
  cancel(tx: Tx, id: number, personId: string | null): Promise<Automation | null>
  pause(tx: Tx, id: number, personId: string | null): Promise<Automation | null>
  resume(tx: Tx, id: number, personId: string | null): Promise<Automation | null>
  /** The occurrences, the latest first; 20 by default. */
  history(id: number, limit?: number): Promise<Occurrence[]>
}

const IS_OPEN = sql`state in ('active', 'paused')`
const CATCH_UP_MS = 6 * 3_600_000

const COLUMNS = sql`id, name, person_id as "personId", action, recurrence, sentence, zone, label, grants,
  catch_up_ms as "catchUpMs", state, handled_to as "handledTo", next_at as "nextAt", created_at as "createdAt"`

type Row = Omit<Automation, "action" | "recurrence" | "title"> & { action: unknown; recurrence: unknown }

function toAutomation(row: Row): Automation {
  const action = actionSchema.parse(row.action)
  return { ...row, action, recurrence: recurrenceSchema.parse(row.recurrence), title: titleOf(action) }
}

async function read(tx: Tx, where: SQL): Promise<Automation[]> {
  const rows = await tx.query<Row>(sql`select ${COLUMNS} from automations where ${where}`)
  return rows.map(toAutomation)
}

export function createAutomations({ db, clock }: { db: Db; clock: Clock }): Automations {
  const first = async (tx: Tx, where: SQL) => (await read(tx, where))[0] ?? null
  const locked = (tx: Tx, name: string) => first(tx, sql`name = ${name} for update`)
  const open = (tx: Tx, id: number, personId: string | null) =>
    first(
      tx,
      sql`id = ${id}::bigint and state in ('active', 'paused')
        and person_id = coalesce(${personId}::uuid, person_id) for update`,
    )

  async function create(tx: Tx, made: NewAutomation): Promise<Automation> {
    const created = await insert(tx, made, clock.now())
    if (created === null)
      throw new Reject(409, `an automation named ${made.name} already exists`, { fix: "change that one instead" })
    return created
  }

  /** Records the instants that were due until now as skipped, because the schedule is about to change or end. */
  async function skipDue(tx: Tx, automation: Automation, reason: string): Promise<void> {
    const now = clock.now()
    const { rows } = settleOccurrence({ ...automation, state: "paused" }, now)
    await record(
      tx,
      automation.id,
      rows.map((row) => ({ ...row, reason })),
      now,
    )
  }

  return {
    create,
    async ensure(tx, made) {
      const fresh = await insert(tx, made, clock.now())
      const found = fresh ?? (await locked(tx, made.name))
      if (found === null) throw new Error(`automation ${made.name} is gone`)
      const revived = found.state === "ended"
      if (found.state === "cancelled" || !(revived || hasMoved(found, made))) return found
      const from = revived ? clock.now() : found.handledTo
      const state = sql`state = case when state = 'ended' then 'active' else state end`
      return update(tx, found.id, sql`true`, scheduled(made, from, state))
    },
    async replace(tx, made) {
      const found = await locked(tx, made.name)
      if (found === null) return create(tx, made)
      if (found.nextAt !== null) await skipDue(tx, found, "rescheduled")
      return update(tx, found.id, sql`true`, scheduled(made, clock.now(), sql`state = 'active'`))
    },
    async retire(tx, name) {
      const found = await locked(tx, name)
      if (found?.state !== "active") return
      await skipDue(tx, found, "retired")
      await update(tx, found.id, sql`state = 'active'`, sql`state = 'ended', next_at = null`)
    },
    get: (id, tx = db) => first(tx, sql`id = ${id}::bigint`),
    named: (name, tx = db) => first(tx, sql`name = ${name}`),
    list: (personId, tx = db) =>
      read(
        tx,
        sql`state in ('active', 'paused') and person_id = coalesce(${personId ?? null}::uuid, person_id) order by id`,
      ),
    async cancel(tx, id, personId) {
      const found = await open(tx, id, personId)
      if (found === null) return null
      await skipDue(tx, found, "cancelled")
      return update(tx, id, IS_OPEN, sql`state = 'cancelled', handled_to = ${clock.now()}::timestamptz, next_at = null`)
    },
    async pause(tx, id, personId) {
      return (await open(tx, id, personId)) && update(tx, id, IS_OPEN, sql`state = 'paused'`)
    },
    async resume(tx, id, personId) {
      return (await open(tx, id, personId)) && update(tx, id, IS_OPEN, sql`state = 'active'`)
    },
    history: (id, limit = 20) => historyOf(db, id, limit),
  }
}

/** Inserts an automation; null when its name is taken. Throws `Reject` when it would never be due. */
async function insert(tx: Tx, made: NewAutomation, now: Date): Promise<Automation | null> {
  const nextAt = next(made.recurrence, now, made.zone)
  if (nextAt === null)
    throw new Reject(400, "that schedule never comes due", { fix: "name a moment that is still to come" })
  const [row] = await tx.query<Row>(sql`
    insert into automations (name, person_id, action, recurrence, sentence, zone, label, grants, catch_up_ms, handled_to, next_at, created_at)
    values (${made.name ?? null}::text, ${made.personId}::uuid, ${json(made.action)}, ${json(made.recurrence)}, ${made.sentence},
      ${made.zone}, ${json(made.label)}, ${json(made.grants)}, ${made.catchUpMs ?? CATCH_UP_MS}::bigint,
      ${now}::timestamptz, ${nextAt}::timestamptz, ${now}::timestamptz)
    on conflict (name) do nothing returning ${COLUMNS}`)
  return row === undefined ? null : toAutomation(row)
}

function hasMoved(found: Automation, made: NewAutomation): boolean {
  const same = found.zone === made.zone && found.sentence === made.sentence && found.personId === made.personId
  return !same || JSON.stringify(found.recurrence) !== JSON.stringify(recurrenceSchema.parse(made.recurrence))
}

/** The SQL assignments that put an automation on a schedule; it is due after `from`. */
function scheduled(made: NewAutomation, from: Date, state: SQL): SQL {
  return sql`${state}, person_id = ${made.personId}::uuid, action = ${json(made.action)}, recurrence = ${json(made.recurrence)},
    sentence = ${made.sentence}, zone = ${made.zone}, label = ${json(made.label)}, grants = ${json(made.grants)},
    catch_up_ms = ${made.catchUpMs ?? CATCH_UP_MS}::bigint, handled_to = ${from}::timestamptz,
    next_at = ${next(made.recurrence, from, made.zone)}::timestamptz`
}

/** Changes an automation. @param from the condition on the state that it leaves */
async function update(tx: Tx, id: number, from: SQL, set: SQL): Promise<Automation> {
  const [row] = await tx.query<Row>(
    sql`update automations set ${set} where id = ${id}::bigint and ${from} returning ${COLUMNS}`,
  )
  if (row === undefined) throw new Error(`automation ${id} is gone`)
  return toAutomation(row)
}
