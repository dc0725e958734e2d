/** Automations, a ticker and a real inbox on a test database, with a clock that tests move. */
import { newId } from "../../src/base/ids.ts"
import { OWNER_LABEL } from "../../src/base/label.ts"
import { type Log, silentLog } from "../../src/base/log.ts"
import type { Db } from "../../src/db/db.ts"
import { createNotifier } from "../../src/queue/notifier.ts"
import type { Queue } from "../../src/queue/queue.ts"
import type { NewAutomation } from "../../src/schedule/automations/automation.ts"
import { createAutomations } from "../../src/schedule/automations/automations.ts"
import { createTicker, type TickerDeps } from "../../src/schedule/automations/ticker.ts"
import { createInbox } from "../../src/thread/inbox/inbox.ts"
import { OWNER_ID } from "../../src/thread/people/people.ts"

export function movableClock(start: string) {
  let at = Date.parse(start)
  return {
    now: () => new Date(at),
    to(moment: string) {
      at = Date.parse(moment)
    },
    pass(ms: number) {
      at += ms
    },
  }
}

export type MovableClock = ReturnType<typeof movableClock>

/** Jobs are only hints; nobody takes them here. */
const hintless: Queue = {
  send: async () => {},
  work: async () => {},
  depth: async () => ({ turn: 0, embed: 0 }),
  stop: async () => {},
}

/** One process's part in a database that others may share. */
export async function scheduler(db: Db, clock: MovableClock, over: Partial<TickerDeps> = {}, log: Log = silentLog) {
  const notifier = await createNotifier()
  const automations = createAutomations({ db, clock })
  const inbox = createInbox({ db, queue: hintless, notifier, clock, newId })
  const rung: string[] = []
  const ticker = createTicker({
    db,
    automations,
    clock,
    accept: (tx, event) => inbox.acceptIn(tx, event),
    notify: (threadId) => void rung.push(threadId),
    log,
    ...over,
  })
  return { automations, ticker, inbox, rung }
}

/** A reminder of the owner's, in New York. */
export function reminder(over: Partial<NewAutomation> = {}): NewAutomation {
  return {
    personId: OWNER_ID,
    action: { kind: "say", text: "stretch" },
    recurrence: { kind: "cron", expr: "0 8 * * *" },
    sentence: "every day at 8:00 AM, New York time",
    zone: "America/New_York",
    label: OWNER_LABEL,
    grants: [],
    ...over,
  }
}
