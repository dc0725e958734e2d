/**
 * Approvals: whatever is done to a question's row between the person's OK and its execution, what runs is what was shown, or
 * nothing; and of many workers that carry out one approval at the same moment, one does.
 */
import { sql } from "drizzle-orm"
import { z } from "zod"
import { createCallTool } from "../../src/agent/durable/call-tool.ts"
import { canonical, sha256 } from "../../src/base/canonical.ts"
import { newId } from "../../src/base/ids.ts"
import { freeCode } from "../../src/thread/approvals/approval.ts"
import { OWNER_ID } from "../../src/thread/people/people.ts"
import { suspend } from "../../src/thread/runs/finish.ts"
import type { EffectTool } from "../../src/tools/tool.ts"
import { createRandom } from "../durability/random.ts"
import { testDatabase } from "../support/database.ts"
import { spine, text } from "../support/spine.ts"
import { stepsOf, type Working, working } from "../support/work.ts"
import type { Evidence, Proof, Setting } from "./proof.ts"

const MUTATIONS = { short: 300, full: 10_000 }
const RACERS = 50
const SHOWN = { amount: 120, to: "Ana" }

export const approvals: Proof = {
  name: "approvals",
  databases: ["pglite", "postgres"],
  expects: "green",
  run: prove,
}

type Spine = Awaited<ReturnType<typeof spine>>

async function prove({ form, database, seed }: Setting): Promise<Evidence> {
  const place = await testDatabase(database)
  const s = await spine({ db: place.db })
  const random = createRandom(seed)
  const violations: string[] = []
  try {
    const stage = await approvedRun(s)
    const before = await rowOf(s, stage.waitId)
    let refused = 0
    for (let n = 0; n < MUTATIONS[form]; n++) {
      const mutated = mutate(before, random)
      await write(s, stage.waitId, mutated)
      const { ran, result } = await carryOut(s, stage.run, await stepsOf(s, stage.run))
      if (ran.length > 0) violations.push(`executed ${JSON.stringify(ran)} after ${JSON.stringify(mutated)}`)
      if (!result.ok) refused++
    }
    await write(s, stage.waitId, before)
    // All have read the journal before the first of them acts: who reads it later finds the payment begun, and repeats it by
    // the same operation id, as after a crash.
    const racers = await Promise.all(Array.from({ length: RACERS }, () => stepsOf(s, stage.run)))
    const race = await Promise.all(
      racers.map((steps) => carryOut(s, stage.run, steps).catch(() => ({ ran: [] as unknown[] }))),
    )
    const done = race.flatMap(({ ran }) => ran)
    if (done.length !== 1 || canonical(done[0]) !== canonical(SHOWN))
      violations.push(`${RACERS} workers executed it ${done.length} times: ${JSON.stringify(done)}`)
    return {
      figures: { mutations: MUTATIONS[form], refused, "workers at once": RACERS, executed: done.length },
      violations,
    }
  } finally {
    await s.stop()
    await place.drop()
  }
}

/** A run whose question has its OK, made by the product's own statements. */
async function approvedRun(s: Spine): Promise<{ run: Working; waitId: string }> {
  const run = await working(s)
  const args = canonical(SHOWN)
  const waitId = newId()
  const now = new Date()
  const code = await freeCode(s.db, Math.random)
  const common = { opId: waitId, kind: "wait" as const, name: "pay", replay: "pure" as const, argsHash: sha256(args) }
  await suspend(s.db, {
    runId: run.runId,
    fence: run.fence,
    now,
    entries: [{ ...common, n: 0, phase: "intent", request: { kind: "approval", args: SHOWN } }],
    posts: [],
    question: {
      id: waitId,
      step: 0,
      kind: "approval",
      code,
      tool: "pay",
      args,
      argsHash: sha256(args),
      display: "pay 120 to Ana",
      askedOf: OWNER_ID,
      expiresAt: new Date(now.getTime() + 86_400_000),
    },
  })
  await s.inbox.accept(text(`${code} OK`))
  const claim = await s.leases.claim(run.threadId)
  if (!claim?.run) throw new Error("the approved run was not claimed")
  return { run: { ...run, claim: { ...claim, run: claim.run }, fence: claim.fence }, waitId }
}

interface Row {
  args: string
  argsHash: string
}

async function rowOf(s: Spine, id: string): Promise<Row> {
  const [row] = await s.db.query<Row>(sql`select args, args_hash as "argsHash" from approvals where id = ${id}`)
  if (!row) throw new Error("the question is gone")
  return row
}

async function write(s: Spine, id: string, { args, argsHash }: Row): Promise<void> {
  await s.db.query(sql`update approvals set args = ${args}, args_hash = ${argsHash}, used_at = null where id = ${id}`)
}

/** A changed character, a changed value, or other arguments altogether; half of them with a hash that fits. */
function mutate({ args, argsHash }: Row, random: () => number): Row {
  const pick = <T>(values: T[]): T => values[Math.floor(random() * values.length)] as T
  const at = Math.floor(random() * args.length)
  const char = String.fromCharCode(32 + Math.floor(random() * 95))
  const changed = pick([
    `${args.slice(0, at)}${char}${args.slice(at + 1)}`,
    `${args.slice(0, at)}${args.slice(at + 1)}`,
    `${args.slice(0, at)}${char}${args.slice(at)}`,
    canonical({ ...SHOWN, amount: Math.floor(random() * 1e6) + 121 }),
    canonical({ ...SHOWN, to: pick(["Eve", "ana", "Ana ", "Аna"]) }),
    `${args} `,
  ])
  if (changed === args) return mutate({ args, argsHash }, random)
  return { args: changed, argsHash: random() < 0.5 ? sha256(changed) : argsHash }
}

/** As a worker that comes to the run now does; the model's repeated call carries other arguments than were shown. */
async function carryOut(s: Spine, run: Working, steps: Awaited<ReturnType<typeof stepsOf>>) {
  const ran: unknown[] = []
  const pay: EffectTool<typeof SHOWN> = {
    name: "pay",
    description: "pays",
    input: z.object({ amount: z.number(), to: z.string() }),
    effect: "send",
    needs: "owner",
    replay: "idempotent",
    asks: async () => "it is money",
    show: ({ amount, to }) => `pay ${amount} to ${to}`,
    async run(args) {
      ran.push(args)
      return { ok: true }
    },
  }
  const act = createCallTool({
    db: s.db,
    steps,
    tools: new Map([["pay", pay]]),
    person: { id: OWNER_ID, name: null, role: "owner", zone: null },
    zone: "UTC",
    threadId: run.threadId,
    grants: null,
    now: () => new Date(),
  })
  const result = await act("pay", { amount: 999_999, to: "Eve" })
  return { ran, result }
}
