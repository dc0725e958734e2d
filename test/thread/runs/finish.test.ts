import { sql } from "drizzle-orm"
import { describe, expect, test } from "vitest"
import { Fenced } from "../../../src/base/errors.ts"
import { newId } from "../../../src/base/ids.ts"
import { OWNER_LABEL, UNTRUSTED_LABEL } from "../../../src/base/label.ts"
import type { Entry } from "../../../src/journal/journal.ts"
import { OWNER_ID } from "../../../src/thread/people/people.ts"
import { type Finish, finish, type NewApproval, postpone, suspend } from "../../../src/thread/runs/finish.ts"
import { ownSpine } from "../../support/own.ts"
import { text } from "../../support/spine.ts"
import { working } from "../../support/work.ts"

const NOW = new Date("2026-11-22T12:00:00Z")
const s = await ownSpine()

/** A run at work, and how it may end. */
async function atWork() {
  const w = await working(s)
  const { runId, fence, threadId } = w
  const base = { runId, fence, now: NOW, entries: [note(0)], posts: [post(threadId, runId)] }
  const done = (over: Partial<Finish> = {}): Finish => ({
    ...base,
    state: "done",
    events: "done",
    label: OWNER_LABEL,
    model: "m1",
    ...over,
  })
  return { ...w, base, done }
}
type AtWork = Awaited<ReturnType<typeof atWork>>

const note = (n: number): Entry => ({ n, phase: "outcome", kind: "note", name: "t", opId: newId(), replay: "pure" })
const post = (threadId: string, runId: string) => ({ threadId, dedupeKey: `run:${runId}:reply`, text: "done" })
let questions = 0
function question(over: Partial<NewApproval> = {}): NewApproval {
  const asked = { step: 0, kind: "approval" as const, tool: "post", args: "{}", argsHash: "h", display: "post it" }
  return {
    id: newId(),
    code: `Q${++questions}`,
    askedOf: OWNER_ID,
    expiresAt: new Date("2030-01-01"),
    ...asked,
    ...over,
  }
}
async function traces({ threadId, runId, eventId }: AtWork) {
  const [row] = await s.db.query(sql`select
    (select state from runs where id = ${runId}) as run, (select state from inbox where id = ${eventId}) as event,
    (select count(*) from journal where run_id = ${runId}) as entries, (select count(*) from approvals where run_id = ${runId}) as waits,
    (select count(*) from outbox where thread_id = ${threadId}) as posts, (select owner is not null from threads where id = ${threadId}) as held`)
  return row
}
const UNTOUCHED = { run: "running", event: "claimed", entries: 0, waits: 0, posts: 0, held: true }

describe("a run that is done", () => {
  test("leaves its journal, its reply, its event and its thread in one commit (F1)", async () => {
    const w = await atWork()
    expect(await finish(s.db, w.done())).toEqual({ more: false, unsent: [] })
    expect(await traces(w)).toEqual({ run: "done", event: "done", entries: 1, waits: 0, posts: 1, held: false })
  })

  test("names each thread once that has something to send, and none of the web", async () => {
    const w = await atWork()
    const sms = await s.inbox.accept(
      text("hi", { channel: "sms", threadKey: `sms:${newId()}`, target: "+15550001111" }),
    )
    const posts = [w.threadId, sms.threadId, sms.threadId].map((threadId, n) => ({
      threadId,
      dedupeKey: `run:${w.runId}:${n}`,
      text: "done",
    }))
    expect(await finish(s.db, w.done({ posts }))).toEqual({ more: false, unsent: [sms.threadId] })
  })

  test("keeps its label, its model and when it ended", async () => {
    const w = await atWork()
    await finish(s.db, w.done({ label: UNTRUSTED_LABEL }))
    const [row] = await s.db.query(
      sql`select label, model, error, ended_at >= started_at as ended from runs where id = ${w.runId}`,
    )
    expect(row).toEqual({ label: UNTRUSTED_LABEL, model: "m1", error: null, ended: true })
  })

  test("can end once only", async () => {
    const w = await atWork()
    await finish(s.db, w.done())
    await expect(finish(s.db, w.done({ state: "failed" }))).rejects.toBeInstanceOf(Fenced)
    expect(await traces(w)).toMatchObject({ run: "done", posts: 1 })
  })

  test("writes what its feature adds in the same commit", async () => {
    const w = await atWork()
    const also = sql`insert into kv (namespace, key, value, updated_at) select 'ending', ${w.runId}::text, 'true'::jsonb, now() from held`
    await finish(s.db, w.done({ also }))
    expect(await s.db.query(sql`select value from kv where namespace = 'ending' and key = ${w.runId}`)).toEqual([
      { value: true },
    ])
  })

  test("is undone whole when one part of it fails (F1)", async () => {
    const w = await atWork()
    const also = sql`insert into kv (namespace, key, value, updated_at) select 'ending', null, 'true'::jsonb, now() from held`
    await expect(finish(s.db, w.done({ also }))).rejects.toThrow()
    expect(await traces(w)).toEqual(UNTOUCHED)
  })

  test("posts a message once, whoever posted it before", async () => {
    const w = await atWork()
    const twin = post(w.threadId, w.runId)
    await finish(s.db, w.done({ posts: [twin, { ...twin, dedupeKey: `run:${w.runId}:more` }, twin] }))
    expect(await traces(w)).toMatchObject({ posts: 2 })
  })

  test("leaves other runs' events alone", async () => {
    const [mine, other] = [await atWork(), await atWork()]
    await finish(s.db, mine.done())
    expect(await traces(other)).toEqual(UNTOUCHED)
  })
})

describe("a run that failed", () => {
  test("keeps its events for another try, with the error", async () => {
    const w = await atWork()
    await finish(s.db, w.done({ state: "failed", events: "dead", error: { code: "retry", message: "away" } }))
    expect(await traces(w)).toMatchObject({ run: "failed", event: "dead", held: false })
    const [row] = await s.db.query(sql`select error from runs where id = ${w.runId}`)
    expect(row).toEqual({ error: { code: "retry", message: "away" } })
  })

  test("lets the next message have the thread", async () => {
    const w = await atWork()
    await s.inbox.accept(text("next", { threadKey: w.threadKey }))
    expect(await finish(s.db, w.done({ state: "failed", events: "dead" }))).toEqual({ more: true, unsent: [] })
    expect((await s.leases.claim(w.threadId))?.run).toMatchObject({ fresh: true })
  })
})

describe("a run that is tried again", () => {
  const error = { code: "retry", message: "away" }

  test("keeps its event and comes back, not before its moment", async () => {
    const w = await atWork()
    await postpone(s.db, { ...w.base, posts: [], delayMs: 60_000, error, counts: true })
    expect(await traces(w)).toEqual({ run: "running", event: "claimed", entries: 1, waits: 0, posts: 0, held: false })
    expect(await s.leases.claim(w.threadId)).toBeNull()
    await s.db.query(sql`update threads set ready_at = ready_at - interval '1 minute' where id = ${w.threadId}`)
    expect((await s.leases.claim(w.threadId))?.run).toMatchObject({ id: w.runId, fresh: false, attempts: 1 })
  })

  test("keeps its moment though more was said while it worked", async () => {
    const w = await atWork()
    await s.inbox.accept(text("more", { threadKey: w.threadKey }))
    expect(await postpone(s.db, { ...w.base, posts: [], delayMs: 60_000, error, counts: true })).toEqual({
      more: false,
      unsent: [],
    })
    expect(await s.leases.claim(w.threadId)).toBeNull()
  })

  test("at once is ready at once", async () => {
    const w = await atWork()
    expect(await postpone(s.db, { ...w.base, delayMs: 0, error, counts: false })).toEqual({ more: true, unsent: [] })
  })

  test("because its worker stops does not count as a try", async () => {
    const w = await atWork()
    await postpone(s.db, { ...w.base, delayMs: 0, error, counts: false })
    expect((await s.leases.claim(w.threadId))?.run).toMatchObject({ attempts: 0 })
  })
})

describe("a run that waits for a person", () => {
  test("asks and pauses in one commit, and holds nothing", async () => {
    const w = await atWork()
    expect(await suspend(s.db, { ...w.base, question: question() })).toEqual({ more: false, unsent: [] })
    expect(await traces(w)).toEqual({ run: "waiting", event: "claimed", entries: 1, waits: 1, posts: 1, held: false })
  })

  test("asks a step's question once", async () => {
    const w = await atWork()
    await suspend(s.db, { ...w.base, question: question() })
    await s.db.query(sql`update threads set ready_at = now() where id = ${w.threadId}`)
    await s.db.query(sql`update approvals set state = 'denied' where run_id = ${w.runId}`)
    const again = await s.leases.claim(w.threadId)
    if (!again) throw new Error("the run did not come back")
    const twice = suspend(s.db, { ...w.base, fence: again.fence, entries: [], question: question() })
    await expect(twice).rejects.toMatchObject({ code: "23505" })
  })

  test("does not hold up what is said meanwhile", async () => {
    const w = await atWork()
    await suspend(s.db, { ...w.base, question: question() })
    await s.inbox.accept(text("something else", { threadKey: w.threadKey }))
    expect((await s.leases.claim(w.threadId))?.run).toMatchObject({ fresh: true })
  })
})

describe("a stale worker (F2)", () => {
  const stale = async () => {
    const w = await atWork()
    return { ...w, fence: { ...w.fence, epoch: w.fence.epoch - 1 } }
  }

  test("ends nothing", async () => {
    const w = await stale()
    const also = sql`insert into kv (namespace, key, value, updated_at) select 'stale', ${w.runId}::text, 'true'::jsonb, now() from held`
    await expect(finish(s.db, w.done({ fence: w.fence, also }))).rejects.toBeInstanceOf(Fenced)
    expect(await traces(w)).toEqual(UNTOUCHED)
    expect(await s.db.query(sql`select 1 from kv where namespace = 'stale'`)).toEqual([])
  })

  test("asks nobody", async () => {
    const w = await stale()
    await expect(suspend(s.db, { ...w.base, fence: w.fence, question: question() })).rejects.toBeInstanceOf(Fenced)
    expect(await traces(w)).toEqual(UNTOUCHED)
  })

  test("postpones nothing", async () => {
    const w = await stale()
    const error = { code: "retry", message: "away" }
    const late = postpone(s.db, { ...w.base, fence: w.fence, delayMs: 0, error, counts: true })
    await expect(late).rejects.toBeInstanceOf(Fenced)
    expect(await traces(w)).toEqual(UNTOUCHED)
  })
})
