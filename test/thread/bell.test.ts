import { afterEach, describe, expect, test } from "vitest"
import { openPostgres } from "../../src/db/postgres.ts"
import { type Bell, createBell } from "../../src/thread/bell.ts"
import { databaseKind, type TestDatabase, testDatabase } from "../support/database.ts"

const bells: Bell[] = []
let database: TestDatabase | undefined
afterEach(async () => {
  for (const bell of bells.splice(0)) await bell.stop()
  await database?.drop()
  database = undefined
})

async function bellOn(...across: Parameters<typeof createBell>): Promise<Bell> {
  const bell = await createBell(...across)
  bells.push(bell)
  return bell
}

describe("a ring", () => {
  test("is heard by everyone who listens for it, and by nobody else", async () => {
    const bell = await bellOn()
    const heard: string[] = []
    bell.on("work", (id) => heard.push(`a ${id}`))
    bell.on("work", (id) => heard.push(`b ${id}`))
    bell.on("outbox", (id) => heard.push(`c ${id}`))
    bell.ring("work", "t1")
    expect(heard).toEqual(["a t1", "b t1"])
  })

  test("is not heard by who stopped listening", async () => {
    const bell = await bellOn()
    const heard: string[] = []
    const deaf = bell.on("thread", (id) => heard.push(id))
    deaf()
    bell.ring("thread", "t1")
    expect(heard).toEqual([])
  })

  test("that nobody hears is no error", async () => {
    const bell = await bellOn()
    expect(() => bell.ring("work", "t1")).not.toThrow()
  })

  test("is not heard after the end", async () => {
    const bell = await bellOn()
    const heard: string[] = []
    bell.on("work", (id) => heard.push(id))
    await bell.stop()
    bell.ring("work", "t1")
    expect(heard).toEqual([])
  })
})

test("a thread's ring reaches who watches it through the database", async () => {
  database = await testDatabase()
  const bell = await bellOn(database.db)
  const heard = Promise.withResolvers<string>()
  bell.on("thread", heard.resolve)
  bell.ring("thread", "t1")
  expect(await heard.promise).toBe("t1")
})

test.runIf(databaseKind === "postgres")("a thread's ring is heard in another process", async () => {
  database = await testDatabase()
  const elsewhere = openPostgres({ url: database.url, max: 2 })
  const [here, there] = [await bellOn(database.db), await bellOn(elsewhere)]
  const heard = Promise.withResolvers<string>()
  there.on("thread", heard.resolve)
  here.ring("thread", "t1")
  expect(await heard.promise).toBe("t1")
  await there.stop()
  await elsewhere.close()
})

test("work stays in its process: the queue wakes the others", async () => {
  database = await testDatabase()
  const [here, there] = [await bellOn(database.db), await bellOn(database.db)]
  const heard: string[] = []
  here.on("work", () => heard.push("here"))
  there.on("work", () => heard.push("there"))
  const after = Promise.withResolvers<string>()
  there.on("thread", after.resolve)
  here.ring("work", "t1")
  here.ring("thread", "t1")
  await after.promise
  expect(heard).toEqual(["here"])
})
