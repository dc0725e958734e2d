import { sql } from "drizzle-orm"
import { expect, test } from "vitest"
import { newId } from "../../../src/base/ids.ts"
import { json } from "../../../src/db/sql.ts"
import { append, type Entry } from "../../../src/journal/journal.ts"
import { findRun, listRuns } from "../../../src/thread/runs/trace.ts"
import { ownSpine } from "../../support/own.ts"
import { text } from "../../support/spine.ts"

const s = await ownSpine()

let threads = 0

/** A run that wrote `entries`, still held. */
async function run(entries: Partial<Entry>[], words = "why") {
  const { threadId } = await s.inbox.accept(text(words, { threadKey: `web:runs-${++threads}` }))
  const claim = await s.leases.claim(threadId)
  if (!claim?.run) throw new Error("nothing was claimed")
  const base = {
    n: 0,
    kind: "model" as const,
    name: "answer",
    phase: "outcome" as const,
    opId: newId(),
    replay: "pure" as const,
  }
  for (const entry of entries) await append(s.db, claim.run.id, claim.fence, [{ ...base, ...entry }])
  return { id: claim.run.id, threadId }
}

test("a step is its intent and its outcome, with what it cost", async () => {
  const { id } = await run([
    { n: 0, phase: "intent", request: { messages: 1 } },
    {
      n: 0,
      phase: "outcome",
      result: { text: "hi" },
      inputTokens: 100,
      cachedTokens: 40,
      outputTokens: 7,
      costUsd: 0.002,
    },
    {
      n: 1,
      phase: "intent",
      kind: "tool",
      name: "label",
      request: { args: {}, verdict: { decision: "allow", reason: "granted" } },
    },
  ])
  const found = await findRun(s.db, id)
  expect(found?.steps).toMatchObject([
    {
      n: 0,
      state: "done",
      request: { messages: 1 },
      result: { text: "hi" },
      inputTokens: 100,
      cachedTokens: 40,
      outputTokens: 7,
      costUsd: 0.002,
    },
    { n: 1, state: "open", verdict: { decision: "allow", reason: "granted" }, endedAt: null, durationMs: null },
  ])
  expect(found).toMatchObject({
    inputTokens: 100,
    cachedTokens: 40,
    outputTokens: 7,
    costUsd: 0.002,
    state: "running",
    trigger: "why",
  })
})

test("an unpriced call makes the cost of the run unknown, never zero; a run without calls costs zero", async () => {
  const unpriced = await run([
    { n: 0, costUsd: 0.5, inputTokens: 1 },
    { n: 1, costUsd: null, inputTokens: 1 },
  ])
  const free = await run([])
  const [first, second] = await listRuns(s.db, { limit: 2 })
  expect([first?.id, first?.costUsd]).toEqual([free.id, 0])
  expect([second?.id, second?.costUsd, second?.inputTokens]).toEqual([unpriced.id, null, 2])
})

test("the context note is read out of the steps, and one of another shape is left among them", async () => {
  const note = { phase: "outcome" as const, kind: "note" as const, name: "context" }
  const good = await run([
    {
      ...note,
      result: { system: "s", sections: [{ name: "rules", tokens: 9 }], recalled: [{ id: 4, text: "tea", score: 0.7 }] },
    },
  ])
  const odd = await run([{ ...note, result: "no object" }])
  expect((await findRun(s.db, good.id))?.context).toEqual({
    system: "s",
    sections: [{ name: "rules", tokens: 9 }],
    recalled: [{ id: 4, text: "tea", score: 0.7 }],
  })
  const found = await findRun(s.db, odd.id)
  expect([found?.context, found?.steps.length]).toEqual([null, 1])
})

test("replies come with their delivery, events with their label", async () => {
  const { id, threadId } = await run([], "tell me")
  await s.db.query(sql`
    insert into outbox (id, thread_id, run_id, dedupe_key, channel, target, body, state, provider_id, attempts, next_at, created_at)
    values (${newId()}::uuid, ${threadId}::uuid, ${id}::uuid, ${id}, 'sms', '+1', ${json({ text: "told" })}, 'delivered', 'SM1', 2, now(), now())`)
  const found = await findRun(s.db, id)
  expect(found?.replies).toMatchObject([{ text: "told", state: "delivered", providerId: "SM1", attempts: 2 }])
  expect(found?.events).toMatchObject([
    { payload: { text: "tell me" }, state: "claimed", label: { integrity: "owner" } },
  ])
})

test("an id's beginning that several runs share is refused", async () => {
  // The first eight characters change every 65 seconds: of three runs in a row, two share them.
  const three = [await run([]), await run([]), await run([])] as const
  const one = three[0].id.slice(0, 8) === three[1].id.slice(0, 8) ? three[0] : three[2]
  await expect(findRun(s.db, one.id.slice(0, 8))).rejects.toMatchObject({ status: 409, code: "ambiguous" })
  expect((await findRun(s.db, one.id.replaceAll("-", "").toUpperCase()))?.id).toBe(one.id)
  await expect(findRun(s.db, "not-an-id")).rejects.toMatchObject({ status: 400 })
})
