/**
 * Ticker: turns what is due into events. An instant's row, its event and the automation's advance are one commit, so
 * a crash leaves all of them or none, and any number of tickers start each instant once. The time is the clock's alone.
 */
import type { Clock } from "../../base/clock.ts"
import type { Label } from "../../base/label.ts"
import type { Log } from "../../base/log.ts"
import type { Db, Tx } from "../../db/db.ts"
import type { Automation } from "./automation.ts"
import type { Automations } from "./automations.ts"
import { advance, lockDue } from "./due.ts"
import { record, settleOccurrence } from "./occurrences.ts"

/** An instant that came due, as the thread room's inbox takes it. */
export interface DueEvent {
  source: "automation"
  externalId: string
  kind: "due"
  channel: "web"
  threadKey: string
  /** Empty: nothing is answered on an automation's own thread, but at its person's home. */
  target: ""
  personId: string
  label: Label
  payload: { automationId: number; dueAt: string; lateMs: number; action: unknown }
}

export interface TickerDeps {
  db: Db
  automations: Automations
  clock: Clock
  /** Takes the event in, within the transaction given. */
  accept: (tx: Tx, event: DueEvent) => Promise<{ threadId: string }>
  /** A thread has work, now committed. */
  notify: (threadId: string) => void
  log: Log
}

export interface Ticker {
  /** Starts all that is due, one automation a transaction. An automation that cannot be started does not hold up others. */
  tick(): Promise<void>
}

/** How long an automation that could not be started is left alone. */
const REST_MS = 10_000

export function createTicker(deps: TickerDeps): Ticker {
  const { db, automations, clock } = deps
  const resting = new Map<number, number>()
  let ticking: Promise<void> | null = null

  /** Settles one automation; false when none is due. */
  async function one(): Promise<boolean> {
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
    while (await one()) {
      // Each turn settled one automation, or set it aside.
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

/** The thread that has work once this is committed, if any. */
async function start({ accept }: TickerDeps, tx: Tx, automation: Automation, now: Date): Promise<string | null> {
  const settled = settleOccurrence(automation, now)
  const fresh = await record(tx, automation.id, settled.rows, now)
  await advance(tx, automation.id, settled)
  if (settled.run === null || !fresh.has(settled.run.getTime())) return null
  const { threadId } = await accept(tx, eventOf(automation, settled.run, now))
  return threadId
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
