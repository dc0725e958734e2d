/** What Postgres alone can do to us: its connections break, at any moment of a statement. */
import { once } from "node:events"
import { connect, createServer, type Socket } from "node:net"
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

  /** The server process of the one statement that sleeps, as soon as there is one. */
  const asleep = async (): Promise<number> => {
    const [row] = await base.db.query<{ pid: number }>(sql`select pid from pg_stat_activity
      where state = 'active' and wait_event = 'PgSleep' and datname = current_database()`)
    return row?.pid ?? (await asleep())
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

  test.each<[string, (db: typeof victim) => Promise<unknown>]>([
    ["alone", (db) => db.query(sql`select 'alone', pg_sleep(60)`)],
    ["in a script", (db) => db.script("select 'in a script', pg_sleep(60)")],
    // As migrations do it: there the driver sends its rollback to where the connection was.
    ["in the driver's own transaction", (db) => db.client.begin((tx) => tx`select 'in the driver', pg_sleep(60)`)],
    ["in a transaction", (db) => db.transaction((tx) => tx.query(sql`select 'in a transaction', pg_sleep(60)`))],
  ])(
    "a statement that runs %s when its connection is cut fails, and the next one is answered",
    async (_where, work) => {
      const wire = await cuttable(base.url)
      const far = openPostgres({ url: wire.url, max: 1 })
      const cut = Promise.allSettled([work(far)])
      const pid = await asleep()
      wire.cut()
      expect(await cut).toMatchObject([{ status: "rejected", reason: { code: "CONNECTION_CLOSED" } }])
      expect(await again(() => far.query(sql`select ${1}::int as one`))).toEqual([{ one: 1 }])
      await far.close()
      wire.close()
      await breakOff(pid)
    },
  )

  test("a connection that is cut while statements are on their way opens again at once", async () => {
    const wire = await cuttable(base.url)
    const far = openPostgres({ url: wire.url, max: 1 })
    await far.raw("select 1")
    let isCut = false
    const cutting = far.raw("select 1, pg_sleep(60)").catch(() => {
      isCut = true
    })
    const pid = await asleep()
    wire.cut()
    // At every turn of the event loop one more has been written, and not sent.
    while (!isCut) {
      far.raw("select 1").catch(() => {})
      await new Promise(setImmediate)
    }
    await cutting
    const began = performance.now()
    await again(() => far.raw("select 1"))
    expect(performance.now() - began).toBeLessThan(5000)
    await far.close()
    wire.close()
    await breakOff(pid)
  })

  test("every statement that waits in a transaction is told that its connection broke", async () => {
    const told = Promise.withResolvers<PromiseSettledResult<unknown>[]>()
    const broken = victim.transaction(async (tx) => {
      const one = await pid(tx)
      // The first of a text is described before it runs; the others wait for that.
      const waiting = [1, 2, 3].map((n) => tx.query(sql`select pg_sleep(60), ${n}::int as waiting`))
      void breakOff(one)
      told.resolve(await Promise.allSettled(waiting))
    })
    await expect(broken).rejects.toThrow()
    expect((await told.promise).map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"])
  })

  test("what a transaction asks after its end is refused", async () => {
    let late: Tx | undefined
    await victim.transaction(async (tx) => {
      late = tx
      await tx.query(sql`select 1 as one`)
    })
    await expect(late?.query(sql`select 1 as one`)).rejects.toThrow("the transaction is over")
    await expect(late?.raw("select 1 as one")).rejects.toThrow("the transaction is over")
  })

  test("a transaction is one, however many statements wait on its connection before it", async () => {
    await base.db.script("create table kept (n int not null)")
    for (const ahead of [99, 100, 101]) {
      await victim.raw("select 1")
      const before = Array.from({ length: ahead }, () => victim.client.unsafe("select 1").execute())
      const broken = victim.transaction(async (tx) => {
        await tx.query(sql`insert into kept values (${ahead}::int)`)
        throw new Error("which rolls back")
      })
      await expect(broken).rejects.toThrow("which rolls back")
      await Promise.all(before)
    }
    expect(await base.db.query(sql`select n from kept`)).toEqual([])
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

describe.runIf(databaseKind === "postgres")("what libraries send as it is", () => {
  test("arrays and JSON mean what they mean on PGlite, and several statements answer with the rows of all", async () => {
    const base = await testDatabase()
    const words = ['a"b\\\\', null, "x,y", "{}", ""]
    const asked =
      "select $1::text[] as words, $2::jsonb as text, $3::json as value, $4::int[] as numbers, $5::uuid[] as ids"
    expect(await base.db.raw(asked, [words, '{"a":1}', { b: [2] }, [1, 2], []])).toEqual([
      { words, text: { a: 1 }, value: { b: [2] }, numbers: [1, 2], ids: [] },
    ])
    expect(await base.db.raw("select 1 as n where false; select 2 as n; select 3 as n")).toEqual([{ n: 2 }, { n: 3 }])
    await base.drop()
  })
})

/** The server at `url` behind a wire that can be cut without a word of the server's. */
async function cuttable(url: string) {
  const server = new URL(url)
  const ends = new Set<Socket>()
  const proxy = createServer((near) => {
    const far = connect(Number(server.port), server.hostname)
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      ends.add(one)
      one.on("error", () => {}).pipe(other)
    }
  })
  proxy.listen(0, "127.0.0.1")
  await once(proxy, "listening")
  const { port } = z.object({ port: z.number() }).parse(proxy.address())
  const through = new URL(url)
  through.host = `127.0.0.1:${port}`
  return {
    url: through.href,
    cut() {
      for (const end of ends) end.destroy()
      ends.clear()
    },
    close: () => proxy.close(),
  }
}

test("the list of free connections does not grow with the statements", async () => {
  const file = new URL("../../node_modules/postgres/src/queue.js", import.meta.url)
  const { default: createQueue } = queueModule.parse(await import(file.href))
  const queue = createQueue(["one", "other"])
  const before = heapInUse()
  for (let n = 0; n < 1_000_000; n++) queue.push(queue.shift())
  expect(queue.length).toBe(2)
  expect(heapInUse() - before).toBeLessThan(2_000_000)
})
