import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { openPostgres } from "../../src/db/postgres.ts"
import { type Bell, createBell } from "../../src/queue/notifier.ts"
import { databaseKind, type TestDatabase, testDatabase } from "../support/database.ts"

const bells: Bell[] = []
let database: TestDatabase | undefined
let elsewhere: ReturnType<typeof openPostgres> | undefined
afterEach(async () => {
  for (const bell of bells.splice(0)) await bell.stop()
  await elsewhere?.close()
  await database?.drop()
  database = elsewhere = undefined
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

describe.runIf(databaseKind === "postgres")("across processes", () => {
  beforeEach(async () => {
    database = await testDatabase()
    elsewhere = openPostgres({ url: database.url, max: 2 })
  })
  const both = async () => {
    if (!database || !elsewhere) throw new Error("there is no database")
    return [await bellOn(database.db), await bellOn(elsewhere)] as const
  }

  test.each(["work", "thread"] as const)("%s is heard in another process, and here once", async (what) => {
    const [here, there] = await both()
    const heard: string[] = []
    const far = Promise.withResolvers<string>()
    here.on(what, (id) => heard.push(id))
    there.on(what, far.resolve)
    here.ring(what, "t1")
    expect(await far.promise).toBe("t1")
    await answerOf(there, here, what)
    expect(heard).toEqual(["t1", "back"])
  })

  test("messages are for this process alone", async () => {
    const [here, there] = await both()
    const heard: string[] = []
    there.on("outbox", (id) => heard.push(id))
    here.ring("outbox", "t1")
    await answerOf(here, there, "thread")
    expect(heard).toEqual([])
  })

  test("a thousand rings at once are all heard, each of them once", async () => {
    const [here, there] = await both()
    const heard: string[] = []
    const rung = Array.from({ length: 1000 }, () => crypto.randomUUID())
    const all = Promise.withResolvers<void>()
    there.on("work", (id) => {
      if (heard.push(id) === rung.length) all.resolve()
    })
    for (const id of rung) here.ring("work", id)
    await all.promise
    await answerOf(here, there, "thread")
    expect(heard.toSorted()).toEqual(rung.toSorted())
  })
})

/** Whatever was rung before it has been heard by then. */
async function answerOf(from: Bell, to: Bell, what: "work" | "thread"): Promise<void> {
  const back = Promise.withResolvers<void>()
  to.on(what, (id) => {
    if (id === "back") back.resolve()
  })
  from.ring(what, "back")
  await back.promise
}
