/**
 * Ticker: turns due instants into events. One commit contains the row of an instant, its event and the automation's new
 * due time, so a crash leaves all of them or none, and any number of tickers start each instant once. Only the clock that
 * it was given says what time it is.
 */
import { sql } from "drizzle-orm"
import type { Clock } from "../../base/clock.ts"
import type { Label } from "../../base/label.ts"
import type { Log } from "../../base/log.ts"
import type { Db, Tx } from "../../db/db.ts"
import { anyOf } from "../../db/sql.ts"
import type { Automation } from "./automation.ts"
import type { Automations } from "./automations.ts"
import { record, type Settlement, settleOccurrence } from "./occurrences.ts"

/** The event of a due instant, in the form that the inbox of the thread room takes. */
export interface DueEvent {
  source: "automation"
  externalId: string
  kind: "due"
  channel: "web"
  threadKey: string
  /** Empty, because the answer goes to the person's home thread and never to the automation's own thread. */
  target: ""
  personId: string
  label: Label
  payload: { automationId: number; dueAt: string; lateMs: number; action: unknown }
}

export interface TickerDeps {
  db: Db
  automations: Automations
  clock: Clock
  /** Puts the event into the inbox, within `tx`. */
  accept: (tx: Tx, event: DueEvent) => Promise<{ threadId: string }>
  /** Called with a thread that has work, after the commit. */
  notify: (threadId: string) => void
  log: Log
}

export interface Ticker {
  /**
   * Starts everything that is due, each automation in its own transaction. An automation that cannot be started does not
   * delay the others.
   */
  tick(): Promise<void>
}

/** Milliseconds for which an automation that could not be started is left alone. */
const REST_MS = 10_000

export function createTicker(deps: TickerDeps): Ticker {
  const { db, automations, clock } = deps
  const resting = new Map<number, number>()
  let ticking: Promise<void> | null = null

  /** Settles one automation; false when none is due. */
  async function settleNext(): Promise<boolean> {
    const now = clock.now()
    for (const [id, until] of resting) if (until <= now.getTime()) resting.delete(id)
    let id: number | null = null
    try {
      const woken = await db.transaction(async (tx) => {
        id = await lockDue(tx, now, [...resting.keys()])
        const automation = id === null ? null : await automations.get(id, tx)
        return automation && (await start(deps, tx, automation, now))
      })
      if (woken) deps.notify(woken)
    } catch (error) {
      if (id === null) throw error
      resting.set(id, now.getTime() + REST_MS)
      deps.log.error("automation_failed", { automation: id, error })
    }
    return id !== null
  }

  async function all(): Promise<void> {
    while (await settleNext()) {
      // Each round settles one automation or leaves it alone for a while, so the loop ends.
    }
  }

  return {
    tick() {
      ticking ??= all().finally(() => {
        ticking = null
      })
      return ticking
    },
  }
}

/** Settles a locked automation; returns the thread that has work after the commit, or null. */
async function start({ accept }: TickerDeps, tx: Tx, automation: Automation, now: Date): Promise<string | null> {
  const settled = settleOccurrence(automation, now)
  const fresh = await record(tx, automation.id, settled.rows, now)
  await advance(tx, automation.id, settled)
  if (settled.run === null || !fresh.has(settled.run.getTime())) return null
  const { threadId } = await accept(tx, eventOf(automation, settled.run, now))
  return threadId
}

/**
 * Locks the automation that has been due the longest, without those in `except`; null when none is due or other workers
 * hold them all.
 */
async function lockDue(tx: Tx, now: Date, except: number[]): Promise<number | null> {
  const [row] = await tx.query<{ id: number }>(sql`
    select id from automations
    where state in ('active', 'paused') and next_at <= ${now}::timestamptz and not id = ${anyOf(except.map(String), "bigint")}
    order by next_at, id limit 1 for update skip locked`)
  return row?.id ?? null
}

/** Moves an automation to its next due instant; without one it has ended. */
async function advance(
  tx: Tx,
  id: number,
  { handledTo, nextAt }: Pick<Settlement, "handledTo" | "nextAt">,
): Promise<void> {
  await tx.query(sql`
    update automations set handled_to = ${handledTo}::timestamptz, next_at = ${nextAt}::timestamptz,
      state = case when ${nextAt === null}::boolean then 'ended' else state end
    where id = ${id}::bigint and state in ('active', 'paused')`)
}

function eventOf(automation: Automation, due: Date, now: Date): DueEvent {
  const dueAt = due.toISOString()
  return {
    source: "automation",
    externalId: `${automation.id}:${dueAt}`,
    kind: "due",
    channel: "web",
    threadKey: `automation:${automation.id}`,
    target: "",
    personId: automation.personId,
    label: automation.label,
    payload: {
      automationId: automation.id,
      dueAt,
      lateMs: now.getTime() - due.getTime(),
      action: automation.action,
    },
  }
}
