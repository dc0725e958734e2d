/** A run at work on a thread of its own: a message came in, was claimed, and is held. */
import { sql } from "drizzle-orm"
import {
  createJournalCursor,
  type JournalCursor,
  type JournalCursorDeps,
} from "../../src/agent/durable/journal-cursor.ts"
import { createSteps, type Steps, type StepsDeps } from "../../src/agent/durable/steps.ts"
import { systemClock } from "../../src/base/clock.ts"
import { newId } from "../../src/base/ids.ts"
import { OWNER_LABEL } from "../../src/base/label.ts"
import { entriesOf } from "../../src/journal/journal.ts"
import type { Claim, ClaimedRun } from "../../src/thread/runs/lease.ts"
import { type spine, text } from "./spine.ts"

export type Spine = Awaited<ReturnType<typeof spine>>

export async function working(s: Spine, words = "work", event: Parameters<typeof text>[1] = {}) {
  const threadKey = event.threadKey ?? `web:${newId()}`
  const { id, threadId } = await s.inbox.accept(text(words, { ...event, threadKey }))
  const claim = await reclaimed(s, threadId)
  return { claim, eventId: id, threadKey, threadId, runId: claim.run.id, fence: claim.fence }
}

export type Working = Awaited<ReturnType<typeof working>>

/** The run's cursor, as a worker that comes to it now reads it. */
export async function cursorOf(s: Spine, w: Working, scrub?: (words: string) => string): Promise<JournalCursor> {
  return createJournalCursor(await journalOf(s, w, scrub))
}

async function journalOf(s: Spine, w: Working, scrub = (words: string) => words): Promise<JournalCursorDeps> {
  const { runId, fence, claim } = w
  const recorded = await entriesOf(s.db, runId)
  const [row] = await s.db.query<{ nextSeq: number; stopSeq: number }>(
    sql`select next_seq as "nextSeq", stop_seq as "stopSeq" from threads where id = ${w.threadId}`,
  )
  const lastSeq = Math.max(...claim.run.events.map((event) => event.seq))
  return { db: s.db, clock: systemClock, runId, fence, recorded, lastSeq, news: row ?? claim, scrub }
}

/** The run's steps, as a worker that comes to it now takes them up; the model is away unless `over` brings one. */
export async function stepsOf(s: Spine, w: Working, { ask = noModel, ...over }: Over = {}): Promise<Steps> {
  return createSteps({
    ...(await journalOf(s, w)),
    label: OWNER_LABEL,
    model: { ask },
    budget: { reserve: async () => {}, settle: async () => {} },
    signal: new AbortController().signal,
    ...over,
  })
}

/** `ask`: the model. */
type Over = Partial<StepsDeps> & { ask?: StepsDeps["model"]["ask"] }

const noModel = () => Promise.reject(new Error("there is no model here"))

/** Claims a thread that must have a run to do or to go on with. */
async function reclaimed(s: Spine, threadId: string): Promise<Claim & { run: ClaimedRun }> {
  const claim = await s.leases.claim(threadId)
  if (!claim?.run) throw new Error("nothing was claimed")
  return { ...claim, run: claim.run }
}

/** Someone else takes the thread: whoever held it is stale from now on. */
export async function takeAway(s: Spine, threadId: string): Promise<void> {
  await s.db.query(sql`update threads set epoch = epoch + 1 where id = ${threadId}`)
}

/** As if the worker that holds the thread had died and its lease run out. */
export async function abandon(s: Spine, threadId: string): Promise<void> {
  await s.db.query(sql`update threads set lease_until = now() - interval '1 second' where id = ${threadId}`)
}
