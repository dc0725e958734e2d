/**
 * Journal cursor: goes through the numbered steps of one run. Only the steps (`steps.ts`, `tool-step.ts`) hold one.
 *
 * C1 What the journal holds for a number is handed back instead of being done again.
 * C2 A number belongs to one step: code that wants another one there is refused, since its journal is another code's.
 * C3 What is new is kept, and written in order with the next write, in one fenced statement: a stale worker writes nothing.
 * C4 A step has the same operation id in every life of the run.
 * C5 A stop that the person said after the run's events ends the run at its next write outside a transaction.
 * C6 No secret is written.
 */
import type { Clock } from "../../base/clock.ts"
import { idOf } from "../../base/ids.ts"
import type { Db, Tx } from "../../db/db.ts"
import {
  append,
  type Entry,
  type Fence,
  type StepKind,
  type StoredEntry,
  type ThreadNews,
} from "../../journal/journal.ts"
import { Cancelled, Diverged } from "./signals.ts"

export interface JournalCursorDeps {
  db: Db
  clock: Clock
  runId: string
  fence: Fence
  /** What the journal holds of this run; empty for a fresh one. */
  recorded: StoredEntry[]
  /** Seq of the last event the run answers: a stop after it is meant for this run. */
  lastSeq: number
  news: ThreadNews
  /** Removes secrets from what is about to be written. */
  scrub: (text: string) => string
}

export interface Recorded {
  intent?: StoredEntry
  outcome?: StoredEntry
  resolution?: StoredEntry
}

export interface JournalCursor {
  readonly runId: string
  /** The next step's number, and what is recorded for it. Throws `Diverged` when that is another step. */
  next(kind: StepKind, name: string): { n: number; opId: string; before: Recorded }
  /** What is recorded for the next step, without going there. */
  ahead(): { n: number; opId: string; before: Recorded | undefined }
  /** Passes the next step by; `written` is what somebody else put into the journal for it. */
  skip(written?: Entry): void
  /** Leaves `entries` to be written with the next write. */
  keep(...entries: Entry[]): void
  /** Writes what was kept, then `entries`, in one statement. Throws `Fenced`, or `Cancelled` outside a transaction of the caller's. */
  write(entries: Entry[], tx?: Tx): Promise<void>
  /** What was kept and not yet written, for the statement that ends the run. */
  drain(): Entry[]
  /** The thread's `next_seq` as the last write saw it. */
  latest(): number
  /** Back to the first step, to go through the handler again with what was recorded. */
  rewind(): void
}

export function createJournalCursor(deps: JournalCursorDeps): JournalCursor {
  const { db, runId, clock } = deps
  const recorded = byStep(deps.recorded)
  let cursor = 0
  let kept: Entry[] = []
  let news = deps.news

  const opOf = (n: number) => idOf(`${runId}:${n}`) // C4
  const remember = (entries: Entry[]) => {
    for (const entry of entries)
      recorded.set(entry.n, { ...recorded.get(entry.n), [entry.phase]: { ...entry, id: 0, at: clock.now() } })
  }
  const clean = (entry: Entry) => scrubbed(entry, deps.scrub) // C6

  return {
    runId,
    next(kind, name) {
      const n = cursor++
      const before = recorded.get(n) ?? {} // C1
      refuseOther(n, before, kind, name) // C2
      return { n, opId: opOf(n), before }
    },
    ahead: () => ({ n: cursor, opId: opOf(cursor), before: recorded.get(cursor) }),
    skip(written) {
      if (written) remember([written])
      cursor++
    },
    keep: (...entries) => void kept.push(...entries.map(clean)),
    async write(entries, tx = db) {
      const all = [...kept, ...entries.map(clean)]
      news = await append(tx, runId, deps.fence, all) // C3
      remember(all)
      kept = []
      // Inside a transaction of the caller's a throw would undo what it is about to commit: the next write sees the stop.
      if (tx === db && news.stopSeq > deps.lastSeq) throw new Cancelled() // C5
    },
    drain() {
      remember(kept)
      const all = kept
      kept = []
      return all
    },
    latest: () => news.nextSeq,
    rewind: () => {
      cursor = 0
    },
  }
}

function byStep(entries: StoredEntry[]): Map<number, Recorded> {
  const steps = new Map<number, Recorded>()
  for (const entry of entries) steps.set(entry.n, { ...steps.get(entry.n), [entry.phase]: entry })
  return steps
}

function refuseOther(n: number, before: Recorded, kind: StepKind, name: string): void {
  const was = before.intent ?? before.outcome
  // An approval stands at the number of the call that it is about, under the name of its tool.
  if (!was || ((was.kind === "wait" || was.kind === kind) && was.name === name)) return
  throw new Diverged(n, `${was.kind} ${was.name}`, `${kind} ${name}`)
}

function scrubbed(entry: Entry, scrub: (text: string) => string): Entry {
  const clean = (value: unknown): unknown =>
    value === undefined ? undefined : JSON.parse(scrub(JSON.stringify(value)))
  return { ...entry, request: clean(entry.request), result: clean(entry.result) }
}
