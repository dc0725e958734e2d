/**
 * Recorded workload: what the product does while its disk is recorded: a first boot, messages with tools, vectors, an issue that the
 * owner approves, reminders that come due, checkpoints, and a restart. After each step all that is so is marked.
 */
import { randomUUID } from "node:crypto"
import { join } from "node:path"
import { sql } from "drizzle-orm"
import { z } from "zod"
import { makeDatabase } from "../../../src/db/initdb.ts"
import { type Recording, recordDisk } from "../../durability/disk.ts"
import type { GitHubStandIn } from "../../support/github-stand-in.ts"
import { runningClock } from "../../support/product.ts"
import { errand } from "./errand-model.ts"
import { factsOf } from "./facts.ts"
import { ask, GITHUB_SECRET, type Outside, openProductDb, type Product, REPO, startProduct } from "./product.ts"

const PAST_MS = 24 * 3600_000
const PATIENCE_MS = 30_000

export interface RecordedWorkload {
  dir: string
  outside: Outside
  /** The deliveries come from here. */
  github: Pick<GitHubStandIn, "payload" | "put" | "deliver">
  messages: number
  syncs: boolean
}

const said = z.object({ id: z.string(), thread: z.string() })
const approvals = z.object({ approvals: z.array(z.object({ code: z.string() })) })

/** The recording starts with an empty directory. */
export async function recordWorkload(workload: RecordedWorkload): Promise<Recording> {
  const disk = recordDisk(workload.dir, { syncs: workload.syncs })
  try {
    const clock = runningClock(Date.now() - PAST_MS)
    // The product makes it in a process of its own, whose disk could not be seen from here.
    await makeDatabase(join(workload.dir, "db"))
    await recordOneStart(workload, disk, { clock, from: 1, to: Math.ceil(workload.messages / 2) })
    await recordOneStart(workload, disk, { clock, from: Math.ceil(workload.messages / 2) + 1, to: workload.messages })
  } finally {
    disk.stop()
  }
  return disk
}

interface OneStart {
  clock: ReturnType<typeof runningClock>
  from: number
  to: number
}

/** From a start of the product to its stop. */
async function recordOneStart(
  workload: RecordedWorkload,
  disk: Recording,
  { clock, from, to }: OneStart,
): Promise<void> {
  const db = await openProductDb(workload.dir)
  const product = await startProduct(workload.dir, { db, outside: workload.outside, clock })
  const known = new Set<string>()
  const mark = async () => {
    for (const fact of [...(await factsOf(db)), `token ${product.token}`]) {
      if (known.has(fact)) continue
      known.add(fact)
      disk.mark(fact)
    }
  }
  for (let number = from; number <= to; number++) {
    const { id, isDone } = await say(product, number)
    disk.mark(`inbox ${id}`)
    await isDone
    disk.mark(`inbox ${id} at its end`)
    await mark()
    if (number === from + 1) await triage(workload, product, number)
    if (number === from + 2) await comeDue(product, clock)
    await mark()
    if (number % 4 === 0) await db.raw("checkpoint")
  }
  await until(async () => {
    const [left] = await db.query<{ n: number }>(sql`
      select count(*) as n from memories where not exists (select 1 from memory_embeddings where memory_id = id)`)
    return left?.n === 0
  })
  await mark()
  await product.stop()
}

/** Taken when this returns; done when `isDone` is. */
async function say(product: Product, number: number): Promise<{ id: string; isDone: Promise<unknown> }> {
  const body = {
    text: errand(number, [
      ["remember", { text: `Fact number ${number} of the long list` }],
      ["recall", { query: `number ${number}` }],
      ["remind", { text: `Reminder number ${number}`, when: "in 10 minutes" }],
    ]),
    thread: "new",
  }
  const once = { "idempotency-key": `errand-${number}` }
  const { id } = said.parse(await ask(product, "/api/v1/messages", { body, headers: once }))
  const isDone = ask(product, "/api/v1/messages", { body, headers: { ...once, prefer: "wait=30" } })
  return { id, isDone }
}

/** An issue comes in, the owner approves what is proposed. */
async function triage(workload: RecordedWorkload, product: Product, number: number): Promise<void> {
  workload.github.put(REPO, { number, title: `The page breaks, issue ${number}`, body: "It does." })
  const answer = await workload.github.deliver(`${product.app.url}/webhooks/github`, {
    event: "issues",
    payload: workload.github.payload(REPO, number, "opened"),
    secret: GITHUB_SECRET,
    id: randomUUID(),
  })
  if (!answer.ok) throw new Error(`the webhook of issue ${number} was refused: ${answer.status}`)
  let code = ""
  await until(async () => {
    code = approvals.parse(await ask(product, "/api/v1/approvals")).approvals[0]?.code ?? ""
    return code !== ""
  })
  await ask(product, `/api/v1/approvals/${code}`, { body: { verdict: "yes" } })
}

async function comeDue({ app }: Product, clock: OneStart["clock"]): Promise<void> {
  clock.pass(11 * 60_000)
  await until(async () => {
    const [due] = await app.infrastructure.db.query<{ n: number }>(
      sql`select count(*) as n from automations where state = 'active' and next_at < ${clock.now()}`,
    )
    return due?.n === 0
  })
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error("it did not come to pass")
    await new Promise((resolve) => setTimeout(resolve, 30))
  }
}
