import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { openPostgres } from "../../src/db/postgres.ts"
import { createNotifier, type Notifier } from "../../src/queue/notifier.ts"
import { databaseKind, type TestDatabase, testDatabase } from "../support/database.ts"

const bells: Notifier[] = []
let database: TestDatabase | undefined
let elsewhere: ReturnType<typeof openPostgres> | undefined
afterEach(async () => {
  for (const notifier of bells.splice(0)) await notifier.stop()
  await elsewhere?.close()
  await database?.drop()
  database = elsewhere = undefined
})

async function bellOn(...across: Parameters<typeof createNotifier>): Promise<Notifier> {
  const notifier = await createNotifier(...across)
  bells.push(notifier)
  return notifier
}

describe("a ring", () => {
  test("is heard by everyone who listens for it, and by nobody else", async () => {
    const notifier = await bellOn()
    const heard: string[] = []
    notifier.listen("work", (id) => heard.push(`a ${id}`))
    notifier.listen("work", (id) => heard.push(`b ${id}`))
    notifier.listen("outbox", (id) => heard.push(`c ${id}`))
    notifier.notify("work", "t1")
    expect(heard).toEqual(["a t1", "b t1"])
  })

  test("is not heard by who stopped listening", async () => {
    const notifier = await bellOn()
    const heard: string[] = []
    const unsubscribe = notifier.listen("thread", (id) => heard.push(id))
    unsubscribe()
    notifier.notify("thread", "t1")
    expect(heard).toEqual([])
  })

  test("that nobody hears is no error", async () => {
    const notifier = await bellOn()
    expect(() => notifier.notify("work", "t1")).not.toThrow()
  })

  test("is not heard after the end", async () => {
    const notifier = await bellOn()
    const heard: string[] = []
    notifier.listen("work", (id) => heard.push(id))
    await notifier.stop()
    notifier.notify("work", "t1")
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
    here.listen(what, (id) => heard.push(id))
    there.listen(what, far.resolve)
    here.notify(what, "t1")
    expect(await far.promise).toBe("t1")
    await answerOf(there, here, what)
    expect(heard).toEqual(["t1", "back"])
  })

  test("messages are for this process alone", async () => {
    const [here, there] = await both()
    const heard: string[] = []
    there.listen("outbox", (id) => heard.push(id))
    here.notify("outbox", "t1")
    await answerOf(here, there, "thread")
    expect(heard).toEqual([])
  })

  test("a thousand rings at once are all heard, each of them once", async () => {
    const [here, there] = await both()
    const heard: string[] = []
    const rung = Array.from({ length: 1000 }, () => crypto.randomUUID())
    const all = Promise.withResolvers<void>()
    there.listen("work", (id) => {
      if (heard.push(id) === rung.length) all.resolve()
    })
    for (const id of rung) here.notify("work", id)
    await all.promise
    await answerOf(here, there, "thread")
    expect(heard.toSorted()).toEqual(rung.toSorted())
  })
})

/** Whatever was rung before it has been heard by then. */
async function answerOf(from: Notifier, to: Notifier, what: "work" | "thread"): Promise<void> {
  const back = Promise.withResolvers<void>()
  to.listen(what, (id) => {
    if (id === "back") back.resolve()
  })
  from.notify(what, "back")
  await back.promise
}
