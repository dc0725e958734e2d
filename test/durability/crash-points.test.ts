/**
 * A run with a tool of every replay class dies at each of its moments in turn: before and after every statement, inside
 * every transaction, before and after every effect. Another holder takes it to its end, and a truthful person answers.
 */
import { sql } from "drizzle-orm"
import { expect, test } from "vitest"
import { z } from "zod"
import { createBudget } from "../../src/agent/durable/budget.ts"
import { createExecute } from "../../src/agent/durable/execute.ts"
import type { Handler } from "../../src/agent/durable/run-context.ts"
import { newId } from "../../src/base/ids.ts"
import { silentLog } from "../../src/base/log.ts"
import type { Opened } from "../../src/db/migrate.ts"
import { brokenLinks } from "../../src/journal/journal.ts"
import type { Model } from "../../src/model/model.ts"
import { createPeople } from "../../src/thread/people/people.ts"
import type { Tool } from "../../src/tools/tool.ts"
import { ownSpine } from "../support/own.ts"
import { leasesOf, scriptedModel, text } from "../support/spine.ts"
import { type CrashState, crashing } from "./crashing-database.ts"

const s = await ownSpine()

interface Effect {
  name: string
  opId: string
}

/** What was seen outside of one run, also of effects that came from the dead. */
interface Outside {
  effects: Effect[]
  asked: number
  fromTheDead: string[]
  life: CrashState | undefined
}

const CALLS = ["count", "look", "send", "label", "pay", "erase"] as const

function toolsOf(outside: Outside, lookUp = true): Tool[] {
  const effect = (name: string, replay: "pure" | "idempotent" | "reconcile" | "unsafe", asks?: string): Tool => ({
    name,
    description: name,
    input: z.object({}),
    effect: replay === "pure" ? "read" : "send",
    needs: "owner",
    replay,
    show: () => name,
    ...(asks ? { asks: async () => asks } : {}),
    async run(_args, { opId }) {
      if (outside.life?.isOver) outside.fromTheDead.push(name)
      outside.effects.push({ name, opId })
      return { ok: true, did: name }
    },
    ...(replay === "reconcile"
      ? {
          probe: async (_args: unknown, { opId }: { opId: string }) =>
            lookUp && outside.effects.some((seen) => seen.opId === opId) ? { ok: true as const, did: name } : null,
        }
      : {}),
  })
  const count: Tool = {
    name: "count",
    description: "adds a row",
    input: z.object({}),
    effect: "write",
    needs: "owner",
    replay: "transactional",
    show: () => "count",
    async run(_args, { runId }, tx) {
      await tx.query(sql`insert into kv (namespace, key, value, updated_at) values (${runId}, ${newId()}, '1', now())`)
      return { ok: true, did: "count" }
    },
  }
  return [
    count,
    effect("look", "pure"),
    effect("send", "idempotent"),
    effect("label", "reconcile"),
    effect("pay", "unsafe"),
    effect("erase", "idempotent", "it cannot be undone"),
  ]
}

/** Notes, asks a model, calls every tool, asks again, replies. */
const everything: Handler = {
  takesMore: true,
  async run(context) {
    const request = { system: "", messages: [], tools: [], maxOutput: 10 }
    const noted = await context.steps.note("start", async () => "noted")
    const first = await context.steps.model("plan", request)
    const act = context.actWith(null)
    const results: unknown[] = []
    for (const name of CALLS) results.push(await act(name, {}))
    const last = await context.steps.model("reply", request)
    await context.steps.steer()
    const said = JSON.stringify([noted, first.text, results, last.text])
    return {
      model: null,
      posts: [{ threadId: context.thread.id, dedupeKey: `run:${context.run.id}:reply`, text: said }],
    }
  },
}

/** A worker: its own leases and executor on the database it is given. */
function holderOn(db: Opened, outside: Outside, tools: Tool[]) {
  const clock = { now: () => new Date() }
  const model: Model = {
    ...scriptedModel([]),
    async ask() {
      outside.asked++
      if (outside.life?.isOver) outside.fromTheDead.push("model")
      const usage = { input: 1, cached: 0, output: 1 }
      return { text: "so be it", toolCalls: [], finish: "stop", usage, cost: 0, provider: "t", model: "t" }
    },
  }
  const leases = leasesOf(db)
  const execute = createExecute({
    db,
    clock,
    newId,
    random: Math.random,
    log: silentLog,
    model,
    budget: createBudget({ db, caps: { daily: 100 }, estimate: () => null, today: () => "2026-11-22" }),
    people: createPeople({ db, clock, newId }),
    tools: new Map(tools.map((tool) => [tool.name, tool])),
    handlers: { message: everything, command: everything, issue: everything, due: everything, hook: everything },
    scrub: (words) => words,
    live: new Set(["web"]),
    defaultZone: "UTC",
  })
  return async (threadId: string): Promise<boolean> => {
    const claim = await leases.claim(threadId)
    if (claim?.run) await execute({ ...claim, run: claim.run }, new AbortController().signal)
    else if (claim) await leases.release(claim.fence)
    return claim !== null
  }
}

/** Takes the thread as far as it goes; the person answers what they are asked, truthfully. */
async function live(work: (threadId: string) => Promise<boolean>, lane: Lane, outside: Outside): Promise<void> {
  for (let turns = 0; turns < 20 && !outside.life?.isOver; turns++) {
    const worked = await work(lane.threadId).catch(() => false)
    if (outside.life?.isOver) return
    const answered = await answer(lane, outside)
    if (!worked && !answered) return
  }
}

async function answer({ key, threadId }: Lane, outside: Outside): Promise<boolean> {
  const [wait] = await s.db.query<{ code: string; kind: string; tool: string }>(
    sql`select code, kind, tool from approvals where thread_id = ${threadId} and state = 'open'`,
  )
  if (!wait) return false
  const happened = outside.effects.some(({ name }) => name === wait.tool)
  const word = wait.kind === "approval" || happened ? "OK" : "AGAIN"
  await s.inbox.accept(text(`${wait.code} ${word}`, { threadKey: key }))
  return true
}

interface Lane {
  key: string
  threadId: string
  inboxId: string
}

let lanes = 0

/** One run whose first holder dies at moment `death`; what came of it, and how many moments that holder had. */
async function runThatDies(death: number, lookUp = true) {
  const key = `web:crash${++lanes}`
  const accepted = await s.inbox.accept(text("do everything", { threadKey: key }))
  const lane = { key, threadId: accepted.threadId, inboxId: accepted.id }
  const outside: Outside = { effects: [], asked: 0, fromTheDead: [], life: undefined }
  const tools = toolsOf(outside, lookUp)
  const { db, life } = crashing(s.db, death)
  outside.life = life
  await live(holderOn(db, outside, tools), lane, outside)
  outside.life = undefined
  await s.db.query(
    sql`update threads set lease_until = now() - interval '1 second' where id = ${lane.threadId} and owner is not null`,
  )
  await live(holderOn(s.db, outside, tools), lane, outside)
  return { lane, outside, moments: life.moments, died: life.isOver }
}

/** What must be the same however often it died; `where` names the moment in a failure. */
async function verify({ lane, outside }: Awaited<ReturnType<typeof runThatDies>>, where: string): Promise<void> {
  const [run] = await s.db.query<{ id: string; state: string; attempts: number; inbox: string }>(sql`
    select runs.id, runs.state, runs.attempts, inbox.state as inbox from runs join inbox on inbox.id = trigger_id
    where trigger_id = ${lane.inboxId}`)
  if (!run) throw new Error(`${where}: the run is lost`)
  const replies = await s.db.query<{ text: string }>(
    sql`select body ->> 'text' as text from outbox where dedupe_key = ${`run:${run.id}:reply`}`,
  )
  const [left] = await s.db.query(sql`select (select count(*) from kv where namespace = ${run.id}) as rows,
    (select count(*) from threads where id = ${lane.threadId} and owner is not null) as held,
    (select count(*) from approvals where run_id = ${run.id}::uuid and state = 'open') as open,
    (select count(*) from approvals where run_id = ${run.id}::uuid and kind = 'approval') as approvals,
    (select count(*) from ledger where run_id = ${run.id}::uuid) as reserved`)
  const times = (name: string) => outside.effects.filter((effect) => effect.name === name).length
  const ops = (name: string) => new Set(outside.effects.filter((e) => e.name === name).map((e) => e.opId)).size
  expect({ where, ...run, id: "" }).toMatchObject({ where, state: "done", inbox: "done" })
  expect(run.attempts, where).toBeLessThanOrEqual(1)
  expect({ where, ...left }).toEqual({ where, rows: 1, held: 0, open: 0, approvals: 1, reserved: 2 })
  expect(replies, where).toHaveLength(1)
  for (const name of CALLS) expect(`${where} ${replies[0]?.text}`).toMatch(name === "pay" ? /happened|pay/ : name)
  expect([times("label"), times("pay")], where).toEqual([1, 1])
  for (const name of ["look", "send", "erase"])
    expect([ops(name), times(name) <= 2], `${where} ${name}`).toEqual([1, true])
  expect(outside.asked, where).toBeLessThanOrEqual(3)
  expect(outside.fromTheDead, where).toEqual([])
  expect(await brokenLinks(s.db, run.id), where).toEqual([])
}

test("a run comes to the same end, whichever moment its worker died at", { timeout: 300_000 }, async () => {
  const whole = await runThatDies(Number.POSITIVE_INFINITY)
  await verify(whole, "no death")
  expect(whole.outside.effects.map((effect) => effect.name)).toEqual(CALLS.filter((name) => name !== "count"))
  expect(whole.moments).toBeGreaterThan(30)
  for (let death = 1; death <= whole.moments; death++) {
    const ended = await runThatDies(death)
    expect(ended.died).toBe(true)
    await verify(ended, `death at moment ${death} of ${whole.moments}`)
  }
})

test("the sweep has teeth: without its lookup a label is set twice at some moment", { timeout: 300_000 }, async () => {
  const { moments } = await runThatDies(Number.POSITIVE_INFINITY, false)
  let doubled = 0
  for (let death = 1; death <= moments && doubled === 0; death++) {
    const { outside } = await runThatDies(death, false)
    if (outside.effects.filter(({ name }) => name === "label").length > 1) doubled++
  }
  expect(doubled).toBe(1)
})
