import { sql } from "drizzle-orm"
import { expect, test } from "vitest"
import { newId } from "../../../src/base/ids.ts"
import { OWNER_LABEL } from "../../../src/base/label.ts"
import { append, brokenLinks, type Entry } from "../../../src/journal/journal.ts"
import { OWNER_ID } from "../../../src/thread/people/people.ts"
import { finish } from "../../../src/thread/runs/finish.ts"
import type { Claim } from "../../../src/thread/runs/lease.ts"
import { ownSpine } from "../../support/own.ts"
import { leasesOf, text } from "../../support/spine.ts"

const s = await ownSpine()

const expire = (threadId: string) =>
  s.db.query(sql`update threads set lease_until = now() - interval '1 second' where id = ${threadId}`)
const note = (n: number): Entry => ({
  n,
  phase: "outcome",
  kind: "note",
  name: "test",
  opId: newId(),
  replay: "pure",
  result: { n },
})

async function claimed(key: string): Promise<Claim> {
  const { threadId } = await s.inbox.accept(text("work", { threadKey: key }))
  const claim = await s.leases.claim(threadId)
  if (!claim?.run) throw new Error("nothing was claimed")
  return claim
}

function ending(claim: Claim, seen?: number) {
  const runId = claim.run?.id ?? ""
  return {
    runId,
    fence: claim.fence,
    now: new Date(),
    entries: [],
    posts: [{ threadId: claim.thread.id, dedupeKey: `run:${runId}:reply`, text: "done" }],
    state: "done" as const,
    events: "done" as const,
    label: OWNER_LABEL,
    model: null,
    ...(seen === undefined ? {} : { seen }),
  }
}

test("one of many claims gets the thread (L1)", async () => {
  const { threadId } = await s.inbox.accept(text("race", { threadKey: "web:race" }))
  const rivals = Array.from({ length: 8 }, () => leasesOf(s.db))
  const claims = (await Promise.all(rivals.map((leases) => leases.claim(threadId)))).filter(Boolean)
  expect(claims).toHaveLength(1)
})

test("a run works for who sent its first event that somebody sent, else for the owner", async () => {
  const member = newId()
  await s.db.query(sql`
    insert into people (id, name, role, zone, created_at) values (${member}, 'Ada', 'member', 'Europe/Paris', now())`)
  const whoFor = async (key: string, personId: string | null) => {
    const { threadId } = await s.inbox.accept(text("work", { threadKey: key, personId }))
    return (await s.leases.claim(threadId))?.run?.person
  }
  expect(await whoFor("web:ada", member)).toEqual({ id: member, name: "Ada", role: "member", zone: "Europe/Paris" })
  expect(await whoFor("web:nobody", null)).toEqual({
    id: OWNER_ID,
    name: null,
    role: "owner",
    zone: "America/New_York",
  })
})

test("a resumed run works for the same person", async () => {
  const claim = await claimed("web:resumed-for")
  await expire(claim.thread.id)
  expect((await s.leases.claim(claim.thread.id))?.run).toMatchObject({ fresh: false, person: { id: OWNER_ID } })
})

test("a thread whose worker died comes before those that only wait (L4)", async () => {
  const dead = await claimed("web:died")
  const waiting = await s.inbox.accept(text("wait", { threadKey: "web:waits" }))
  await s.db.query(sql`update threads set ready_at = now() - interval '1 hour' where id = ${waiting.threadId}`)
  await expire(dead.thread.id)
  const leases = leasesOf(s.db)
  expect((await leases.claim())?.thread.id).toBe(dead.thread.id)
  expect((await leases.claim())?.thread.id).toBe(waiting.threadId)
})

test("ready are threads with work that nobody holds, and those whose worker died", async () => {
  const held = await claimed("web:ready-held")
  const dead = await claimed("web:ready-dead")
  const done = await claimed("web:ready-done")
  await finish(s.db, ending(done))
  const { threadId: waits } = await s.inbox.accept(text("wait", { threadKey: "web:ready-waits" }))
  await expire(dead.thread.id)
  const ready = await s.leases.ready([held.thread.id, dead.thread.id, done.thread.id, waits, newId()])
  expect(ready.toSorted()).toEqual([dead.thread.id, waits].toSorted())
})

test("a stale worker can neither write to the journal nor end the run (L2)", async () => {
  const stale = await claimed("web:stale")
  await expire(stale.thread.id)
  const fresh = await leasesOf(s.db).claim(stale.thread.id)
  expect(fresh?.run).toMatchObject({ id: stale.run?.id, fresh: false, attempts: 1 })
  await expect(append(s.db, stale.run?.id ?? "", stale.fence, [note(0)])).rejects.toThrow("another worker")
  await expect(finish(s.db, ending(stale))).rejects.toThrow("another worker")
  expect(await s.leases.renew(stale.fence)).toBeNull()
  const [left] = await s.db.query(sql`select (select count(*) from journal where run_id = ${stale.run?.id}) as entries,
    (select count(*) from outbox where thread_id = ${stale.thread.id}) as replies`)
  expect(left).toEqual({ entries: 0, replies: 0 })
  if (fresh) await finish(s.db, ending(fresh))
})

test("a worker that could not renew its lease in time, and takes its run up again itself, did not crash", async () => {
  const lapsed = await claimed("web:lapsed")
  await expire(lapsed.thread.id)
  const again = await s.leases.claim(lapsed.thread.id)
  expect(again?.run).toMatchObject({ id: lapsed.run?.id, fresh: false, attempts: 0 })
  expect(again?.fence.epoch).toBe(lapsed.fence.epoch + 1)
  if (again) await finish(s.db, ending(again))
})

test("a run does not end over a message that came in meanwhile (F3)", async () => {
  const claim = await claimed("web:meanwhile")
  await s.inbox.accept(text("one more", { threadKey: "web:meanwhile" }))
  await expect(finish(s.db, ending(claim, claim.nextSeq))).rejects.toThrow()
  expect(await finish(s.db, ending(claim))).toEqual({ more: true, unsent: [] })
})

test("the thread moves to the next message when a run ends", async () => {
  const claim = await claimed("web:next")
  await s.inbox.accept(text("/help", { threadKey: "web:next", kind: "command" }))
  expect(await finish(s.db, ending(claim))).toEqual({ more: true, unsent: [] })
  const next = await s.leases.claim(claim.thread.id)
  expect(next?.run).toMatchObject({ kind: "command", fresh: true })
  if (next) expect(await finish(s.db, ending(next))).toEqual({ more: false, unsent: [] })
})

test("an event missed by a claim is found when the thread is given back (F4)", async () => {
  const claim = await claimed("web:missed")
  await s.inbox.accept(text("late", { threadKey: "web:missed" }))
  await s.db.query(sql`update threads set ready_at = null where id = ${claim.thread.id}`)
  expect(await finish(s.db, ending(claim))).toEqual({ more: true, unsent: [] })
})

test("the journal refuses change, and tampering behind its back shows", async () => {
  const claim = await claimed("web:journal")
  const runId = claim.run?.id ?? ""
  await append(s.db, runId, claim.fence, [note(0), note(1)])
  await append(s.db, runId, claim.fence, [note(2)])
  await expect(s.db.query(sql`update journal set name = 'x' where run_id = ${runId}`)).rejects.toThrow("append-only")
  await expect(s.db.query(sql`delete from journal where run_id = ${runId}`)).rejects.toThrow("append-only")
  expect(await brokenLinks(s.db, runId)).toEqual([])
  await s.db.script(`alter table journal disable trigger journal_rows;
    update journal set result = '{"n":7}' where run_id = '${runId}' and n = 1; alter table journal enable trigger journal_rows`)
  expect(await brokenLinks(s.db, runId)).toHaveLength(1)
  await finish(s.db, ending(claim))
})

test("rapid messages of several people on one chat are a run each (L5), with the rights of its own person", async () => {
  const member = newId()
  await s.db.query(sql`insert into people (id, role, created_at) values (${member}, 'member', now())`)
  const threadKey = `telegram:1:${newId()}`
  const say = (words: string, personId: string) => s.inbox.accept(text(words, { threadKey, personId }))
  const { threadId } = await say("owner's", OWNER_ID)
  await say("owner's too", OWNER_ID)
  await say("member's", member)
  await say("owner's last", OWNER_ID)
  const runs: string[][] = []
  for (let claim = await leasesOf(s.db).claim(threadId); claim?.run; claim = await leasesOf(s.db).claim(threadId)) {
    runs.push(claim.run.events.map((event) => (event.payload as { text: string }).text))
    expect(new Set(claim.run.events.map((event) => event.personId)).size).toBe(1)
    await s.db.query(sql`update inbox set state = 'done' where run_id = ${claim.run.id}`)
    await s.db.query(sql`update runs set state = 'done' where id = ${claim.run.id}`)
    await s.db.query(sql`update threads set owner = null, ready_at = now() where id = ${threadId}`)
  }
  expect(runs).toEqual([["owner's", "owner's too"], ["member's"], ["owner's last"]])
})

test("a clock that was set back by an hour holds up no thread: neither who waits, nor whose worker died", async () => {
  const { threadId } = await s.inbox.accept(text("work", { threadKey: "web:set-back" }))
  await s.db.query(sql`update threads set ready_at = now() + interval '1 hour' where id = ${threadId}`)
  const waiting = await s.leases.claim(threadId)
  await s.db.query(sql`update threads set lease_until = now() + interval '1 hour' where id = ${threadId}`)
  const orphan = await leasesOf(s.db).claim(threadId)
  expect([waiting?.run?.attempts, orphan?.run?.attempts]).toEqual([0, 1])
})
