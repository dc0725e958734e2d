import { sql } from "drizzle-orm"
import { afterEach, expect, test } from "vitest"
import { silentLog } from "../../src/base/log.ts"
import { openBoss } from "../../src/queue/boss.ts"
import { createQueue, type Queue } from "../../src/queue/queue.ts"
import { type TestDatabase, testDatabase } from "../support/database.ts"

let d: TestDatabase
let queue: Queue

afterEach(async () => {
  await queue.stop()
  await d.drop()
})

async function opened(worker: boolean) {
  d = await testDatabase()
  const boss = openBoss(d.db, { backend: "postgres", worker })
  queue = await createQueue({ boss, log: silentLog, shared: worker && d.kind === "postgres" })
  return boss
}

const waiting = () => d.db.query(sql`select 1 from pgboss.job where name = 'turn' and state = 'created'`)

test("a job commits with its transaction, or not at all", async () => {
  await opened(false)
  await expect(
    d.db.transaction(async (tx) => {
      await queue.send(tx, "turn", "a")
      throw new Error("no")
    }),
  ).rejects.toThrow("no")
  expect(await waiting()).toHaveLength(0)
  await d.db.transaction((tx) => queue.send(tx, "turn", "a"))
  expect(await waiting()).toHaveLength(1)
})

test("one waiting job a key is enough", async () => {
  await opened(false)
  for (let i = 0; i < 5; i++) await d.db.transaction((tx) => queue.send(tx, "turn", "same"))
  expect(await waiting()).toHaveLength(1)
})

test("a job whose worker died comes again within two minutes", async () => {
  const boss = await opened(false)
  await d.db.transaction((tx) => queue.send(tx, "embed", "7"))
  expect(await boss.fetch("embed")).toHaveLength(1)
  await d.db.query(sql`update pgboss.job set started_on = now() - interval '2 minutes' where name = 'embed'`)
  await boss.supervise("embed")
  expect(await d.db.query(sql`select state from pgboss.job where name = 'embed'`)).toEqual([{ state: "retry" }])
})

test("sending inside a transaction does not hang after a queue was changed", async () => {
  const boss = await opened(false)
  await boss.updateQueue("turn", { retryLimit: 3 })
  await boss.findJobs("turn", { id: crypto.randomUUID() })
  await d.db.transaction((tx) => queue.send(tx, "turn", "a"))
  expect(await waiting()).toHaveLength(1)
})

test("a burst of jobs is drained without waiting for a poll between them", async () => {
  await opened(true)
  for (let i = 0; i < 120; i++) await d.db.transaction((tx) => queue.send(tx, "turn", `k${i}`))
  const seen = new Set<string>()
  const all = Promise.withResolvers<void>()
  await queue.work("turn", async (keys) => {
    for (const key of keys) seen.add(key)
    if (seen.size === 120) all.resolve()
  })
  await all.promise
  expect(seen.size).toBe(120)
})
