/** What Postgres alone can do to us: its connections break, at any moment of a statement. */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { sql } from "drizzle-orm"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { z } from "zod"
import type { Tx } from "../../src/db/db.ts"
import { openPostgres } from "../../src/db/postgres.ts"
import { databaseKind, type TestDatabase, testDatabase } from "../support/database.ts"

const queueModule = z.object({
  default: z.custom<(initial: string[]) => { length: number; push(x: string): void; shift(): string }>(),
})

setFlagsFromString("--expose-gc")
const collect: () => void = runInNewContext("gc")

function heapInUse(): number {
  collect()
  return process.memoryUsage().heapUsed
}

describe.runIf(databaseKind === "postgres")("when connections break", () => {
  let base: TestDatabase
  let victim: ReturnType<typeof openPostgres>
  beforeAll(async () => {
    base = await testDatabase()
    victim = openPostgres({ url: base.url, max: 1 })
  })
  afterAll(async () => {
    await victim.close()
    await base.drop()
  })

  const pid = async (tx: Pick<TestDatabase["db"], "query">) => {
    const [row] = await tx.query<{ pid: number }>(sql`select pg_backend_pid() as pid`)
    return row?.pid ?? 0
  }
  /** Until it works: the first try may still meet the end of the old connection. */
  const again = async <T>(work: () => Promise<T>): Promise<T> => {
    for (let tries = 1; ; tries++) {
      try {
        return await work()
      } catch (error) {
        if (tries === 3) throw error
      }
    }
  }
  /** Returns when its server process is gone. */
  const breakOff = async (one: number) => {
    await base.db.query(sql`select pg_terminate_backend(${one}::int)`)
    const isThere = () => base.db.query(sql`select 1 from pg_stat_activity where pid = ${one}::int`)
    while ((await isThere()).length > 0);
  }

  test("a transaction fails whose connection broke between two of its statements", async () => {
    const broken = victim.transaction(async (tx) => {
      await breakOff(await pid(tx))
      await new Promise((resolve) => setTimeout(resolve, 20))
      return tx.query(sql`select 1 as one`)
    })
    await expect(broken).rejects.toThrow()
    expect(await victim.query(sql`select 1 as one`)).toEqual([{ one: 1 }])
  })

  test("a transaction fails that would be rolled back on a broken connection", async () => {
    const broken = victim.transaction(async (tx) => {
      await breakOff(await pid(tx))
      await new Promise((resolve) => setTimeout(resolve, 20))
      throw new Error("of our own")
    })
    await expect(broken).rejects.toThrow()
    expect(await victim.query(sql`select 1 as one`)).toEqual([{ one: 1 }])
  })

  test("what a broken transaction asks later is done nowhere, whoever has its connection by then", async () => {
    await base.db.script("create table told (who text not null)")
    const tell = (tx: Pick<TestDatabase["db"], "query">, who: string) =>
      tx.query(sql`insert into told values (${who}::text)`)
    for (const late of [
      (tx: Tx) => tell(tx, "the broken one"),
      async () => {
        throw new Error("which rolls back")
      },
    ]) {
      const next = Promise.withResolvers<void>()
      const end = Promise.withResolvers<void>()
      const broken = victim.transaction(async (tx) => {
        await breakOff(await pid(tx))
        await next.promise
        await late(tx).finally(() => setImmediate(end.resolve))
      })
      await expect(broken).rejects.toThrow("CONNECTION_CLOSED")
      await victim.transaction(async (tx) => {
        await tell(tx, "the next one")
        next.resolve()
        await end.promise
      })
    }
    expect(await base.db.query(sql`select who from told`)).toEqual([{ who: "the next one" }, { who: "the next one" }])
  })

  test("a connection that broke under statements opens again at once, and answers what was asked", async () => {
    for (let round = 0; round < 30; round++) {
      const one = await again(() => pid(victim))
      const wrong: unknown[] = []
      const ask = async (n: number) => {
        const [row] = await victim.query<{ n: number }>(sql`select ${n}::int as n`)
        if (row?.n !== n) wrong.push({ asked: n, answered: row })
      }
      let isOver = false
      const busy = (async () => {
        for (let n = 0; !isOver; n++) await ask(n).catch(() => {})
      })()
      await breakOff(one)
      isOver = true
      await busy
      while (
        !(await ask(-1).then(
          () => true,
          () => false,
        ))
      );
      expect(wrong).toEqual([])
    }
  })
})

test("the list of free connections does not grow with the statements", async () => {
  const file = new URL("../../node_modules/postgres/src/queue.js?mended", import.meta.url)
  const { default: createQueue } = queueModule.parse(await import(file.href))
  const queue = createQueue(["one", "other"])
  const before = heapInUse()
  for (let n = 0; n < 1_000_000; n++) queue.push(queue.shift())
  expect(queue.length).toBe(2)
  expect(heapInUse() - before).toBeLessThan(2_000_000)
})
