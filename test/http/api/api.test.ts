import { sql } from "drizzle-orm"
import { afterAll, beforeAll, expect, test } from "vitest"
import { z } from "zod"
import { newId } from "../../../src/base/ids.ts"
import { json } from "../../../src/db/sql.ts"
import { OWNER_ID } from "../../../src/thread/people/people.ts"
import { suspend } from "../../../src/thread/runs/finish.ts"
import { type House, house, sending } from "../everything.ts"

let h: House
beforeAll(async () => {
  h = await house({ limits: { lookMs: 200, heartbeatMs: 100 } })
})
afterAll(async () => {
  await h.stop()
})

const errorOf = async (answer: Response) => [
  answer.status,
  z.object({ error: z.object({ code: z.string() }) }).parse(await answer.json()).error.code,
]
const said = z.object({ thread: z.uuid(), id: z.uuid(), run: z.uuid().nullish(), reply: z.string().nullish() })
const say = async (text: string, headers: Record<string, string> = {}, thread?: string) => {
  const answer = await h.ask("/api/v1/messages", sending({ text, ...(thread ? { thread } : {}) }, headers))
  return { status: answer.status, ...said.parse(await answer.json()) }
}

/** Reads a stream until `done` says that it has enough. */
async function read(answer: Response, done: (text: string) => boolean): Promise<string> {
  let text = ""
  for await (const chunk of answer.body ?? []) {
    text += new TextDecoder().decode(chunk)
    if (done(text)) break
  }
  return text
}

test("a message is taken with 202 and is in the thread", async () => {
  const { status, thread, id } = await say("good morning")
  expect(status).toBe(202)
  const answer = await h.ask(`/api/v1/threads/${thread}/messages`)
  expect(await answer.json()).toMatchObject({
    messages: [{ id, from: "person", text: "good morning", state: "new" }],
    cursor: 0,
  })
  await h.s.settle()
  const after = await (await h.ask(`/api/v1/threads/${thread}/messages`)).json()
  expect(after).toMatchObject({
    messages: [{ text: "good morning" }, { from: "vigil", text: "echo: good morning", state: "sent" }],
  })
})

test("with Prefer: wait the answer comes with 200 once the run posted it", async () => {
  const worker = h.s.work()
  const answer = await say("are you there?", { prefer: "respond-async, wait=30" })
  await worker.stop(1000)
  expect(answer).toMatchObject({ status: 200, reply: "echo: are you there?" })
  const run = await (await h.ask(`/api/v1/runs/${answer.run}`)).json()
  expect(run).toMatchObject({
    state: "done",
    trigger: "are you there?",
    replies: [{ text: "echo: are you there?", state: "sent" }],
  })
})

test("a reply put by another process is found without a notifier", async () => {
  const waiting = say("no notifier rings", { prefer: "wait=20" })
  const found = async () => {
    const [row] = await h.s.db.query<{ id: string; thread: string }>(
      sql`select id, thread_id as thread from inbox where payload ->> 'text' = 'no notifier rings'`,
    )
    return row
  }
  await expect.poll(found).toBeTruthy()
  const row = await found()
  const runId = newId()
  await h.s.db.query(sql`
    with run as (
      insert into runs (id, thread_id, trigger_id, kind, state, label, code_version, started_at)
      values (${runId}, ${row?.thread}::uuid, ${row?.id}::uuid, 'message', 'running', '{"integrity":"owner","confidentiality":"private"}', 'test', now())
      returning id
    ), taken as (
      update inbox set run_id = run.id, state = 'claimed' from run where inbox.id = ${row?.id}::uuid
    )
    insert into outbox (id, thread_id, run_id, dedupe_key, channel, target, body, state, next_at, created_at)
    select ${newId()}::uuid, ${row?.thread}::uuid, id, 'by hand', 'web', 'owner', '{"text":"by hand"}'::jsonb, 'sent', now(), now() from run`)
  expect(await waiting).toMatchObject({ status: 200, run: runId, reply: "by hand" })
  await h.s.db.query(sql`update inbox set state = 'done' where id = ${row?.id}::uuid`)
  await h.s.db.query(sql`update runs set state = 'done', ended_at = now() where id = ${runId}`)
})

test("a wait that ends without an answer is 202", async () => {
  const answer = await say("nobody works", { prefer: "wait=1" })
  expect(answer.status).toBe(202)
  expect(answer.reply).toBeUndefined()
})

test("the same Idempotency-Key is taken once, also in parallel and on a new thread", async () => {
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => say("once", { "idempotency-key": "key-1" }, "new")),
  )
  expect(new Set(answers.map((answer) => `${answer.thread} ${answer.id}`)).size).toBe(1)
  expect(await h.s.db.query(sql`select 1 from inbox where external_id = 'key-1'`)).toHaveLength(1)
  expect((await h.ask("/api/v1/messages", sending({ text: "x" }, { "idempotency-key": "k".repeat(201) }))).status).toBe(
    400,
  )
})

test("a thread is one of the owner's on the web, or a new one", async () => {
  const first = await say("a new beginning", {}, "new")
  const second = await say("and on", {}, first.thread)
  expect(second.thread).toBe(first.thread)
  expect((await say("elsewhere")).thread).not.toBe(first.thread)
  expect(await errorOf(await h.ask("/api/v1/messages", sending({ text: "x", thread: newId() })))).toEqual([
    404,
    "not_found",
  ])
})

test("what cannot be a message is refused with a code and a fix", async () => {
  const bad = async (init: RequestInit) => errorOf(await h.ask("/api/v1/messages", { method: "POST", ...init }))
  const type = { "content-type": "application/json" }
  expect(await bad({ body: "{not json", headers: type })).toEqual([400, "bad_json"])
  expect(await bad({ body: "", headers: type })).toEqual([400, "bad_json"])
  expect(await bad({ body: "hi", headers: { "content-type": "text/plain" } })).toEqual([415, "unsupported_type"])
  expect(await bad(sending({ text: "  " }))).toEqual([400, "invalid"])
  expect(await bad(sending({ text: 5 }))).toEqual([400, "invalid"])
  expect(await bad(sending({ text: "x".repeat(300_000) }))).toEqual([413, "too_large"])
  expect(await errorOf(await h.ask("/api/v1/nothing"))).toEqual([404, "not_found"])
  expect(await errorOf(await h.ask(`/api/v1/threads/${newId()}/messages`))).toEqual([404, "not_found"])
  expect(await errorOf(await h.ask("/api/v1/threads/x/messages"))).toEqual([400, "invalid"])
})

test("a stream sends new answers and changes of runs, beats, and goes on after the last event", async () => {
  const { thread } = await say("stream me", {}, "new")
  const stop = new AbortController()
  const stream = await h.ask(`/api/v1/threads/${thread}/events`, { signal: stop.signal })
  expect(stream.headers.get("content-type")).toMatch(/^text\/event-stream/)
  const reading = read(stream, (all) =>
    ["event: reply", ": still here", '"state":"done"'].every((part) => all.includes(part)),
  )
  await h.s.settle()
  const text = await reading
  stop.abort()
  expect(text).toContain("echo: stream me")
  expect(text).toMatch(/event: run\ndata: .*"state":"done"/)
  const id = /id: (\d+)\nevent: reply/.exec(text)?.[1] ?? ""

  await say("and again", {}, thread)
  await h.s.settle()
  const later = new AbortController()
  const next = await h.ask(`/api/v1/threads/${thread}/events`, {
    signal: later.signal,
    headers: { "last-event-id": id },
  })
  const rest = await read(next, (all) => all.includes("event: reply"))
  later.abort()
  expect(rest).toContain("echo: and again")
  expect(rest).not.toContain("echo: stream me")
})

test("runs are listed newest first, in pages and by state, and found by the beginning of their id", async () => {
  for (const text of ["one", "two", "three"]) {
    await say(text, {}, "new")
    await h.s.settle()
  }
  const runs = z.object({ runs: z.array(z.looseObject({ id: z.uuid(), trigger: z.string() })) })
  const list = async (query: string) => runs.parse(await (await h.ask(`/api/v1/runs?${query}`)).json()).runs
  const [third, second] = await list("limit=2")
  expect([third?.trigger, second?.trigger]).toEqual(["three", "two"])
  const [first] = await list(`limit=1&before=${second?.id}`)
  expect(first?.trigger).toBe("one")
  expect(await list("state=failed")).toEqual([])
  const found = await h.ask(`/api/v1/runs/${third?.id.slice(0, 30)}`)
  expect(await found.json()).toMatchObject({ id: third?.id })
  expect(await errorOf(await h.ask(`/api/v1/runs/${third?.id.slice(0, 2)}`))).toEqual([400, "bad_id"])
  expect(await errorOf(await h.ask(`/api/v1/runs/${newId().replace(/^.{8}/, "ffffffff")}`))).toEqual([404, "not_found"])
  expect(await errorOf(await h.ask("/api/v1/runs?state=odd"))).toEqual([400, "invalid"])
})

/** A run that waits for the owner's word. */
async function question(code: string) {
  const { threadId } = await h.s.inbox.accept({
    source: "test",
    externalId: `ask-${code}`,
    kind: "message",
    channel: "web",
    threadKey: `web:${code}`,
    target: "owner",
    personId: OWNER_ID,
    label: { integrity: "owner", confidentiality: "private" },
    payload: { text: `please ${code}` },
  })
  const claim = await h.s.leases.claim(threadId)
  if (!claim?.run) throw new Error("nothing was claimed")
  const asked = { id: newId(), step: 0, kind: "approval" as const, code, tool: "label", args: "{}", argsHash: "x" }
  await suspend(h.s.db, {
    runId: claim.run.id,
    fence: claim.fence,
    now: new Date(),
    entries: [],
    posts: [],
    question: { ...asked, display: `label ${code}`, askedOf: OWNER_ID, expiresAt: new Date(Date.now() + 60_000) },
  })
  return claim.run.id
}

test("a question is listed, answered once through the inbox, and a second word comes too late", async () => {
  const runId = await question("K7")
  expect(await (await h.ask("/api/v1/approvals")).json()).toMatchObject({
    approvals: [{ code: "K7", display: "label K7", runId }],
  })
  expect(await errorOf(await h.ask("/api/v1/approvals/K7", sending({ verdict: "maybe" })))).toEqual([400, "invalid"])
  const answer = await h.ask("/api/v1/approvals/k7", sending({ verdict: "yes" }))
  expect(await answer.json()).toMatchObject({ code: "K7", state: "approved", answeredVia: "web" })
  expect(
    await h.s.db.query(sql`select 1 from inbox where payload ->> 'text' = 'K7 OK' and state = 'done'`),
  ).toHaveLength(1)
  expect(await errorOf(await h.ask("/api/v1/approvals/K7", sending({ verdict: "no" })))).toEqual([409, "decided"])
  expect(await errorOf(await h.ask("/api/v1/approvals/Q9", sending({ verdict: "no" })))).toEqual([404, "not_found"])
})

test("what to do instead is kept with its question; a bare yes needs no words, a change does", async () => {
  await question("R6")
  expect(await errorOf(await h.ask("/api/v1/approvals/R6", sending({ verdict: "change" })))).toEqual([400, "invalid"])
  const answer = await h.ask("/api/v1/approvals/R6", sending({ verdict: "change", words: "yes, but to Ben" }))
  expect(await answer.json()).toMatchObject({ code: "R6", state: "changed" })
  const [row] = await h.s.db.query<{ answer: string }>(sql`select answer from approvals where code = 'R6'`)
  expect(row?.answer).toBe("yes, but to Ben")
})

test("fifty verdicts at once decide a question once", async () => {
  await question("M4")
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, i) => h.ask("/api/v1/approvals/M4", sending({ verdict: i % 2 ? "yes" : "no" }))),
  )
  const [row] = await h.s.db.query<{ state: string }>(sql`select state from approvals where code = 'M4'`)
  expect(["approved", "denied"]).toContain(row?.state)
  expect(answers.every((answer) => answer.status === 200 || answer.status === 409)).toBe(true)
})

test("a typed answer waits for the run that it set going", async () => {
  const runId = await question("P3")
  const waiting = say("P3 OK", { prefer: "wait=20" })
  await expect
    .poll(() => h.s.db.query(sql`select 1 from approvals where code = 'P3' and state = 'approved'`))
    .toHaveLength(1)
  await h.s.db.query(sql`
    insert into outbox (id, thread_id, run_id, dedupe_key, channel, target, body, state, next_at, created_at)
    select ${newId()}::uuid, thread_id, id, 'goes on', 'web', 'owner', ${json({ text: "done as asked" })}, 'sent', now(), clock_timestamp()
    from runs where id = ${runId}`)
  expect(await waiting).toMatchObject({ status: 200, run: runId, reply: "done as asked" })
})

test("secrets are set and removed, and no answer holds a value", async () => {
  const put = (name: string, body: unknown) => h.ask(`/api/v1/secrets/${name}`, { ...sending(body), method: "PUT" })
  expect((await put("SHOP_KEY", { value: "hunter2-hunter2", hosts: ["api.shop.com"] })).status).toBe(204)
  expect(h.secrets.get("SHOP_KEY")).toEqual({ value: "hunter2-hunter2", hosts: ["api.shop.com"] })
  const list = await (await h.ask("/api/v1/secrets")).text()
  expect(list).toContain("SHOP_KEY")
  expect(list).not.toContain("hunter2")
  const refused = await put("SHOP_KEY", { value: "", hosts: "no" })
  expect(refused.status).toBe(400)
  expect(await refused.text()).not.toContain("hunter2")
  expect(await errorOf(await put("lower", { value: "x" }))).toEqual([400, "invalid"])
  expect((await h.ask("/api/v1/secrets/SHOP_KEY", { method: "DELETE" })).status).toBe(204)
  expect(await errorOf(await h.ask("/api/v1/secrets/SHOP_KEY", { method: "DELETE" }))).toEqual([404, "not_found"])
})

test("the features answer with what their rooms say", async () => {
  const get = async (path: string) => (await h.ask(`/api/v1/${path}`)).json()
  expect(await get("status")).toMatchObject({ model: { offline: true } })
  expect(await get("automations")).toMatchObject({ automations: [{ id: 1, sentence: "every day at 8" }] })
  expect(await get("memories?q=tea&limit=3")).toMatchObject({ memories: [{ id: 7, text: "3 about tea", score: 1 }] })
  expect(await get("spend")).toMatchObject({ today: { usd: 0 }, caps: { dailyUsd: null, monthlyUsd: 5 } })
  expect(await get("triage/decisions?repo=acme/shop")).toMatchObject({
    decisions: [{ repo: "acme/shop", number: 50, kind: "bug" }],
  })
  expect(await (await h.ask("/api/v1/demo", { method: "POST" })).json()).toMatchObject({ pending: 2 })
  const rota = { start: "2026-11-23", everyDays: 7, logins: ["ana", "ben"], overrides: [] }
  expect(
    (await h.ask("/api/v1/triage/rota", { ...sending({ start: "2026-11-23", logins: ["ana", "ben"] }), method: "PUT" }))
      .status,
  ).toBe(200)
  expect(await get("triage/rota")).toEqual({ rota })
})

test("a link is minted for the browser", async () => {
  const answer = await h.ask("/api/v1/link", { method: "POST" })
  expect(answer.status).toBe(201)
  const { url, path } = z.object({ url: z.url(), path: z.string() }).parse(await answer.json())
  expect(url).toBe(`${h.url}${path}`)
  expect((await fetch(url)).status).toBe(200)
})

test("OpenAPI names every route of the API, made from the schemas that check", async () => {
  const document = z
    .looseObject({ openapi: z.literal("3.1.0"), paths: z.record(z.string(), z.record(z.string(), z.unknown())) })
    .parse(await (await h.ask("/api/openapi.json")).json())
  const operations = Object.entries(document.paths).flatMap(([path, of]) => Object.keys(of).map((m) => `${m} ${path}`))
  expect(operations).toEqual(
    expect.arrayContaining([
      "post /api/v1/messages",
      "get /api/v1/runs/{id}",
      "put /api/v1/secrets/{name}",
      "get /api/v1/threads/{id}/events",
    ]),
  )
  expect(JSON.stringify(document.paths["/api/v1/messages"])).toContain('"maxLength":20000')
})
