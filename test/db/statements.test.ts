/** How PGlite's statements are prepared, kept, and held apart from their values. */
import { sql } from "drizzle-orm"
import fc from "fast-check"
import { afterAll, beforeAll, expect, test } from "vitest"
import { openPglite } from "../../src/db/embedded/pglite.ts"
import { createPrepared, type WireSession } from "../../src/db/embedded/prepared.ts"

let db: Awaited<ReturnType<typeof openPglite>>
beforeAll(async () => {
  db = await openPglite({})
  await db.script("create table kept (id int primary key, words text)")
}, 120_000)
afterAll(() => db.close())

/** Counts what reaches the session. */
function watched(): WireSession & { said: string[] } {
  const said: string[] = []
  return {
    said,
    say: (message) => {
      said.push(...kindsOf(message))
      return db.pglite.runExclusive(async () => {
        const { data } = await db.pglite.execProtocol(message, { throwOnError: false })
        return Buffer.from(data)
      })
    },
    query: (text, values) => {
      said.push(text)
      return db.pglite.query(text, values)
    },
  }
}

/** The first letters of the messages of the wire protocol: each is followed by its length. */
function kindsOf(messages: Uint8Array): string[] {
  const bytes = Buffer.from(messages)
  const kinds = []
  for (let at = 0; at < bytes.length; at += 1 + bytes.readInt32BE(at + 1))
    kinds.push(bytes.toString("latin1", at, at + 1))
  return kinds
}

/** Everything that makes trouble in SQL, beside ordinary unicode. */
const words = fc
  .array(
    fc.oneof(
      fc.string({ unit: "grapheme" }),
      fc.constantFrom(
        "'",
        "''",
        "\\",
        "\\'",
        '"',
        "$1",
        "$$",
        "--",
        ";",
        "/*",
        "E'",
        "\n",
        "\t",
        "%s",
        "}",
        "?",
        "\u2028",
      ),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join("").replaceAll("\0", "").toWellFormed())

test("no value breaks out of its place: the statement after it never runs", async () => {
  await db.query(sql`insert into kept values (1, 'here') on conflict do nothing`)
  await fc.assert(
    fc.asyncProperty(words, async (start) => {
      const attack = `${start}'); delete from kept; --`
      await db.query(sql`select ${attack}::text as a where ${attack} = ${start}`)
      expect(await db.query(sql`select id from kept`)).toEqual([{ id: 1 }])
    }),
    { numRuns: 100 },
  )
})

test("a statement is prepared once and executed by name after that", async () => {
  const session = watched()
  const prepared = createPrepared()
  await db.pglite.exec("deallocate all")
  for (const n of [1, 2, 3]) expect(await prepared.run(session, "select $1::int as n", [n])).toEqual([{ n }])
  const [parse, describe, sync, bind, execute] = ["P", "D", "S", "B", "E"]
  const once = [bind, execute, sync]
  expect(session.said).toEqual([parse, describe, sync, ...once, ...once, ...once])
  await db.pglite.exec("deallocate all")
})

test("what cannot be prepared runs as it is", async () => {
  const session = watched()
  await createPrepared().run(session, "set local statement_timeout = 0", [])
  expect(session.said).toEqual(["set local statement_timeout = 0"])
})

test("more statements than are kept cost the oldest its place, and it still runs", async () => {
  const session = watched()
  const prepared = createPrepared()
  await db.pglite.exec("deallocate all")
  for (let n = 0; n <= 505; n++) await prepared.run(session, `select ${n} as n`, [])
  const [held] = (await db.pglite.query<{ n: number }>("select count(*)::int as n from pg_prepared_statements")).rows
  expect(held?.n).toBeLessThanOrEqual(500)
  expect(await prepared.run(session, "select 0 as n", [])).toEqual([{ n: 0 }])
  await db.pglite.exec("deallocate all")
})

test("a statement prepared in a transaction that rolls back still runs after it", async () => {
  const look = () => sql`select words as only_here from kept where id = ${1}`
  await db
    .transaction(async (tx) => {
      await tx.query(look())
      throw new Error("back")
    })
    .catch(() => {})
  expect(await db.query(look())).toHaveLength(1)
})

test.each([
  ["an object", { a: 1 }, "bad_parameter"],
  ["an array", [1], "bad_parameter"],
  ["a NUL character", "a\0b", "22021"],
])("%s as a value is refused before anything runs", async (_name, value, code) => {
  const session = watched()
  await expect(createPrepared().run(session, "select $1::text as refused", [value])).rejects.toMatchObject({ code })
  expect(session.said.filter((kind) => kind === "B" || kind === "E")).toEqual([])
  await db.pglite.exec("deallocate all")
})

test("what comes too late for its transaction is refused, and not done on its own", async () => {
  const late = await db.transaction(async (tx) => tx)
  await expect(late.query(sql`insert into kept values (2, 'late')`)).rejects.toThrow("closed")
  expect(await db.query(sql`select id from kept where id = ${2}`)).toEqual([])
})

test("a statement that fails leaves the session ready for the next, in and out of a transaction", async () => {
  const divide = (by: number) => sql`select 10 / ${by}::int as n`
  await expect(db.query(divide(0))).rejects.toMatchObject({ code: "22012" })
  expect(await db.query(divide(2))).toEqual([{ n: 5 }])
  await expect(db.transaction((tx) => tx.query(divide(0)))).rejects.toMatchObject({ code: "22012" })
  await expect(db.query(sql`select no_such_column from kept`)).rejects.toMatchObject({ code: "42703" })
  expect(await db.transaction((tx) => tx.query(divide(5)))).toEqual([{ n: 2 }])
})

test("once it is closed nothing is run any more", async () => {
  const other = await openPglite({})
  expect(await other.query(sql`select 1 as n`)).toEqual([{ n: 1 }])
  await other.close()
  await expect(other.query(sql`select 1 as n`)).rejects.toThrow("closed")
})
