import { sql } from "drizzle-orm"
import { afterAll, beforeAll, expect, test } from "vitest"
import { z } from "zod"
import type { Handler } from "../../../src/agent/durable/run-context.ts"
import { Retry } from "../../../src/base/errors.ts"
import { newId } from "../../../src/base/ids.ts"
import { append } from "../../../src/journal/journal.ts"
import type { Tool } from "../../../src/tools/tool.ts"
import { type TestDatabase, testDatabase } from "../../support/database.ts"
import { leasesOf, spine, text } from "../../support/spine.ts"

let database: TestDatabase
let s: Awaited<ReturnType<typeof spine>>
/** Every effect outside the database, by op id. */
let effects: { name: string; opId: string; args: unknown }[] = []
let crash: (() => void) | undefined

const outside = (name: string, replay: "idempotent" | "reconcile" | "unsafe", asks?: string): Tool => ({
  name,
  description: name,
  input: z.object({ n: z.number() }),
  effect: "send",
  needs: "owner",
  replay,
  show: (args) => `${name} ${args.n}`,
  ...(asks ? { asks: async () => asks } : {}),
  async run(args, ctx) {
    effects.push({ name, opId: ctx.opId, args })
    crash?.()
    return { ok: true, did: args.n }
  },
  ...(replay === "reconcile"
    ? {
        probe: async (_: unknown, ctx: { opId: string }) =>
          effects.some((e) => e.opId === ctx.opId) ? { ok: true as const, found: true } : null,
      }
    : {}),
})

const counted: Tool = {
  name: "count",
  description: "adds a row",
  input: z.object({ n: z.number() }),
  effect: "write",
  needs: "owner",
  replay: "transactional",
  show: () => "count",
  async run(args, _ctx, tx) {
    await tx.query(
      sql`insert into kv (namespace, key, value, updated_at) values ('count', ${newId()}, to_jsonb(${args.n}::int), now())`,
    )
    crash?.()
    return { ok: true }
  },
}

/** Calls the tools that the message names, `name n` a line, and replies with their results. */
const caller: Handler = {
  takesMore: true,
  async run(context) {
    const act = context.actWith(null)
    const results: unknown[] = []
    for (const event of context.run.events)
      for (const line of (event.payload as { text: string }).text.split("\n")) {
        const [name = "", n] = line.split(" ")
        results.push(await act(name, { n: Number(n) }))
      }
    return {
      model: null,
      posts: [{ threadId: context.thread.id, dedupeKey: `run:${context.run.id}:reply`, text: JSON.stringify(results) }],
    }
  },
}

beforeAll(async () => {
  database = await testDatabase()
  const tools = [
    outside("send", "idempotent"),
    outside("label", "reconcile"),
    outside("pay", "unsafe"),
    outside("delete", "idempotent", "it cannot be undone"),
    counted,
  ]
  s = await spine({ db: database.db, tools, handlers: { message: caller } })
})
afterAll(async () => {
  await s.stop()
  await database.drop()
})

let lane = 0
async function say(words: string) {
  effects = []
  const key = `web:execute${++lane}`
  return { key, ...(await s.inbox.accept(text(words, { threadKey: key }))) }
}
const replies = async (threadId: string) =>
  (
    await s.db.query<{ text: string }>(
      sql`select body ->> 'text' as text from outbox where thread_id = ${threadId} order by seq`,
    )
  ).map((row) => row.text)
const runOf = async (id: string) =>
  (
    await s.db.query<{ state: string; attempts: number }>(
      sql`select state, attempts from runs where trigger_id = ${id}`,
    )
  )[0]
const die = () => {
  throw new Error("killed")
}

/** Claims and executes, dying at the crash point as a killed process does: nothing after it is written. */
async function killed(threadId: string): Promise<void> {
  crash = die
  const leases = leasesOf(s.db)
  const claim = await leases.claim(threadId)
  if (!claim?.run) throw new Error("nothing to claim")
  // A fence that fails from the moment of the crash on is what a dead process looks like to the database.
  crash = () => {
    claim.fence.epoch = -1
    die()
  }
  await s.execute({ ...claim, run: claim.run }, new AbortController().signal)
  crash = undefined
  await s.db.query(sql`update threads set lease_until = now() - interval '1 second' where id = ${threadId}`)
}

test("a run that dies after an effect does not repeat its finished steps", async () => {
  const { threadId, id } = await say("count 1\nsend 2\nsend 3")
  let sends = 0
  await (async () => {
    crash = undefined
    const claim = await leasesOf(s.db).claim(threadId)
    if (!claim?.run) throw new Error("nothing to claim")
    crash = () => {
      if (++sends === 3) {
        claim.fence.epoch = -1
        die()
      }
    }
    await s.execute({ ...claim, run: claim.run }, new AbortController().signal)
    crash = undefined
  })()
  await s.db.query(sql`update threads set lease_until = now() - interval '1 second' where id = ${threadId}`)
  await s.settle(threadId)
  expect(await runOf(id)).toEqual({ state: "done", attempts: 1 })
  const byOp = Map.groupBy(effects, (e) => e.opId)
  // The step that died may run again, with the same op id; the one before it may not.
  expect([...byOp.values()].map((list) => [list[0]?.args, list.length])).toEqual([
    [{ n: 2 }, 1],
    [{ n: 3 }, 2],
  ])
  expect(await s.db.query(sql`select count(*) as n from kv where namespace = 'count'`)).toEqual([{ n: 1 }])
  expect(await replies(threadId)).toHaveLength(1)
})

test("a database tool that dies before its commit happens once all the same", async () => {
  await s.db.query(sql`delete from kv where namespace = 'count'`)
  const { threadId } = await say("count 5")
  await killed(threadId)
  expect(await s.db.query(sql`select count(*) as n from kv where namespace = 'count'`)).toEqual([{ n: 0 }])
  await s.settle(threadId)
  expect(await s.db.query(sql`select count(*) as n from kv where namespace = 'count'`)).toEqual([{ n: 1 }])
})

test("a reconcilable effect is looked up after a crash, not repeated", async () => {
  const { threadId } = await say("label 1")
  await killed(threadId)
  expect(effects).toHaveLength(1)
  await s.settle(threadId)
  expect(effects).toHaveLength(1)
  expect(await replies(threadId)).toEqual([JSON.stringify([{ ok: true, found: true }])])
})

test.each([
  ["OK", [{ ok: true, note: "the person says that it happened" }], 1],
  ["AGAIN", [{ ok: true, did: 9 }], 2],
  [
    "NO",
    [
      {
        ok: false,
        code: "unknown_outcome",
        message: "it is not known whether this happened; the person chose to leave it",
      },
    ],
    1,
  ],
])("an unsafe effect hidden by a crash is for the person to settle: %s", async (word, result, times) => {
  const { threadId, key } = await say("pay 9")
  await killed(threadId)
  await s.settle(threadId)
  const [question = ""] = await replies(threadId)
  expect(question).toMatch(/^\w\w: pay 9: a crash hid whether this happened/)
  await s.inbox.accept(text(`${question.slice(0, 2)} ${word}`, { threadKey: key }))
  await s.settle(threadId)
  expect((await replies(threadId))[1]).toBe(JSON.stringify(result))
  expect(effects).toHaveLength(times)
})

test("an approval runs the stored arguments once, and holds nothing while it waits", async () => {
  const { threadId, key, id } = await say("delete 4")
  await s.settle(threadId)
  expect(effects).toEqual([])
  expect(await runOf(id)).toMatchObject({ state: "waiting" })
  expect((await s.db.query(sql`select owner from threads where id = ${threadId}`))[0]).toEqual({ owner: null })
  const code = (await replies(threadId))[0]?.slice(0, 2)
  await s.inbox.accept(text("send 1", { threadKey: key }))
  await s.settle(threadId)
  await Promise.all(Array.from({ length: 10 }, () => s.inbox.accept(text(`${code} ok`, { threadKey: key }))))
  await s.settle(threadId)
  expect(effects.map((e) => [e.name, e.args])).toEqual([
    ["send", { n: 1 }],
    ["delete", { n: 4 }],
  ])
  expect(await runOf(id)).toMatchObject({ state: "done" })
  expect((await replies(threadId)).filter((reply) => /already approved|just decided/.test(reply))).toHaveLength(9)
})

test("a no, and silence, do nothing and say so", async () => {
  const no = await say("delete 5")
  await s.settle(no.threadId)
  await s.inbox.accept(text(`${(await replies(no.threadId))[0]?.slice(0, 2)} NO`, { threadKey: no.key }))
  await s.settle(no.threadId)
  expect((await replies(no.threadId))[1]).toContain("denied")
  expect(effects).toEqual([])
})

test("changed arguments in an approved row are refused", async () => {
  const { threadId, key } = await say("delete 6")
  await s.settle(threadId)
  const code = (await replies(threadId))[0]?.slice(0, 2)
  await s.db.query(sql`update approvals set args = '{"n":7}' where code = ${code} and state = 'open'`)
  await s.inbox.accept(text(`${code} OK`, { threadKey: key }))
  await s.settle(threadId)
  expect(effects).toEqual([])
  expect((await replies(threadId))[1]).toContain("changed")
})

test("a message that fails three turns is dead-lettered, the person is told, and the thread moves on", async () => {
  let fails = 0
  const failing: Handler = {
    takesMore: true,
    run: async () => Promise.reject(++fails && new Retry("the model is away", { afterMs: 1 })),
  }
  const t = await spine({ db: database.db, handlers: { message: failing } })
  const { threadId, id } = await t.inbox.accept(text("hopeless", { threadKey: "web:dead" }))
  while ((await runOf(id))?.state !== "failed") await t.settle(threadId)
  expect(fails).toBe(3)
  expect((await replies(threadId))[0]).toContain("/retry")
  expect((await t.db.query(sql`select state from inbox where id = ${id}`))[0]).toEqual({ state: "dead" })
  await t.stop()
})

test("a stop ends the run between two steps", async () => {
  const { threadId, key, id } = await say("send 1\nsend 2")
  const claim = await s.leases.claim(threadId)
  if (!claim?.run) throw new Error("nothing to claim")
  await s.inbox.accept(text("/stop", { threadKey: key, kind: "command" }))
  await s.execute({ ...claim, run: claim.run }, new AbortController().signal)
  expect(await runOf(id)).toMatchObject({ state: "cancelled" })
  expect(effects).toEqual([])
})

test("a message that comes in while a run works is taken into that run", async () => {
  const slow: Handler = {
    takesMore: true,
    async run(context) {
      await context.steps.flush()
      const more = (await context.steps.steer()).map(({ text }) => text)
      return {
        model: null,
        posts: [
          { threadId: context.thread.id, dedupeKey: `run:${context.run.id}:reply`, text: `heard ${more.join(", ")}` },
        ],
      }
    },
  }
  const t = await spine({ db: database.db, handlers: { message: slow } })
  const { threadId } = await t.inbox.accept(text("one", { threadKey: "web:steer" }))
  const claim = await t.leases.claim(threadId)
  if (!claim?.run) throw new Error("nothing to claim")
  await t.inbox.accept(text("two", { threadKey: "web:steer" }))
  await t.execute({ ...claim, run: claim.run }, new AbortController().signal)
  expect(await replies(threadId)).toEqual(["heard two"])
  expect(await t.db.query(sql`select count(*) as n from runs where thread_id = ${threadId}`)).toEqual([{ n: 1 }])
  await t.stop()
})

test("unknown tools and malformed arguments are data, and are journalled", async () => {
  const { threadId } = await say("nothing 1\nsend x")
  await s.settle(threadId)
  expect(JSON.parse((await replies(threadId))[0] ?? "")).toMatchObject([
    { ok: false, code: "not_found" },
    { ok: false, code: "invalid" },
  ])
  const rows = await s.db.query(
    sql`select phase from journal join runs on runs.id = run_id where thread_id = ${threadId}`,
  )
  expect(rows).toHaveLength(4)
})

test("a stale worker's step writes nothing", async () => {
  const { threadId } = await say("send 1")
  const claim = await s.leases.claim(threadId)
  if (!claim?.run) throw new Error("nothing to claim")
  await s.db.query(sql`update threads set epoch = epoch + 1 where id = ${threadId}`)
  await s.execute({ ...claim, run: claim.run }, new AbortController().signal)
  expect(effects).toEqual([])
  await expect(append(s.db, claim.run.id, claim.fence, [])).rejects.toThrow()
})

test("a run that a full disk stops is tried until there is space, and never given up", async () => {
  const { threadId, id } = await say("count 1")
  let failures = 0
  crash = () => {
    if (++failures <= 4) throw Object.assign(new Error("could not extend file"), { code: "53100" })
  }
  for (let tries = 0; tries < 5; tries++) {
    await s.settle(threadId)
    await s.db.query(sql`update threads set ready_at = now() where id = ${threadId} and ready_at is not null`)
  }
  crash = undefined
  expect([await runOf(id), failures]).toEqual([{ state: "done", attempts: 0 }, 5])
})
