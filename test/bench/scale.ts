/** Scale: turns a second with one, two and four worker processes on one Postgres, each turn a model call over HTTP and a reply. */
import { fork } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { sql } from "drizzle-orm"
import { z } from "zod"
import type { Opened } from "../../src/db/migrate.ts"
import { testDir } from "../support/dir.ts"
import { createProcess } from "../support/process.ts"
import { spine, text } from "../support/spine.ts"

const STAND_IN = fileURLToPath(new URL("./peers/stand-in.js", import.meta.url))
const PATIENCE_MS = 180_000

export interface ScaleFigures {
  workers: number
  turns: number
  perSecond: number
}

/** The messages wait before the workers come, each on a thread of its own: what is measured is the work, not the accepting. */
export async function benchScale(
  db: Opened,
  url: string,
  { workers, turns }: { workers: number; turns: number },
): Promise<ScaleFigures> {
  const { dir, remove } = testDir()
  const model = fork(STAND_IN)
  const [said] = await once(model, "message")
  const { url: modelUrl } = z.object({ url: z.string() }).parse(said)
  const s = await spine({ db })
  const run = crypto.randomUUID()
  for (let n = 0; n < turns; n++) await s.inbox.accept(text("ping", { threadKey: `web:${run}-${n}` }))
  const env = {
    DATA_DIR: dir,
    DATABASE_URL: url,
    OPENAI_BASE_URL: modelUrl,
    OPENAI_API_KEY: "none",
    VIGIL_MODEL: "instant",
    LOG_LEVEL: "error",
  }
  const processes = await Promise.all(Array.from({ length: workers }, () => createProcess({ env, command: "worker" })))
  for (const product of processes) product.launch()
  try {
    const perSecond = await untilDone(db, turns)
    return { workers, turns, perSecond }
  } finally {
    await Promise.all(processes.map((product) => product.stop()))
    model.kill()
    await s.stop()
    remove()
  }
}

/** Turns a second between the first quarter of them, when every process is up, and the last. */
async function untilDone(db: Opened, turns: number): Promise<number> {
  const deadline = performance.now() + PATIENCE_MS
  while (performance.now() < deadline) {
    const [row] = await db.query<{ left: number }>(sql`select count(*) as left from inbox where state <> 'done'`)
    if (row?.left === 0) {
      const [rate] = await db.query<{ rate: number }>(sql`
        with ends as (select ended_at, row_number() over (order by ended_at) as n from runs order by ended_at desc limit ${turns}::int),
          late as (select * from ends where n > (select max(n) from ends) - ${Math.floor(turns * 0.75)}::int)
        select (count(*) - 1) / extract(epoch from max(ended_at) - min(ended_at))::float8 as rate from late`)
      return rate?.rate ?? Number.NaN
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error("the workers did not come to an end")
}
