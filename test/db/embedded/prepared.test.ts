import { sql } from "drizzle-orm"
import fc from "fast-check"
import { expect, test } from "vitest"
import { anyOf, json } from "../../../src/db/sql.ts"
import { ownDatabase } from "../../support/own.ts"

const d = await ownDatabase()

/** Everything Postgres can store as text: no NUL, no lone surrogate. */
const storable = fc.string({ unit: "grapheme", maxLength: 60 }).filter((s) => !s.includes("\0") && s.isWellFormed())

test("any text comes back as it went in, and is never taken for SQL", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(storable, fc.constantFrom("'", "''; drop table kv; --", "\\'", "$1", "\\x41", 'a"b')),
      async (text) => {
        expect(await d.db.query(sql`select ${text}::text as text, length(${text}) as n`)).toEqual([
          { text, n: [...text].length },
        ])
      },
    ),
    { numRuns: 60 },
  )
})

test("numbers, moments, bytes and nothing come back as they went in", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.maxSafeInteger(),
      fc.date({ min: new Date("1900-01-01"), max: new Date("2200-01-01"), noInvalidDate: true }),
      fc.uint8Array({ maxLength: 40 }),
      async (n, at, bytes) => {
        const [row] = await d.db.query<Record<string, unknown>>(sql`
          select ${n}::bigint as n, ${at}::timestamptz as at, ${Buffer.from(bytes)}::bytea as bytes, ${null}::text as nothing`)
        expect(row).toMatchObject({ n, at, nothing: null })
        expect(Buffer.from(row?.bytes as Uint8Array)).toEqual(Buffer.from(bytes))
      },
    ),
    { numRuns: 40 },
  )
})

test("any JSON comes back as it went in, bare strings and arrays too", async () => {
  const value = fc
    .jsonValue({ maxDepth: 1, noUnicodeString: false })
    .filter((v) => !JSON.stringify(v).includes("\\u0000") && JSON.stringify(v).isWellFormed())
  await fc.assert(
    fc.asyncProperty(value, async (v) => {
      const [row] = await d.db.query<{ v: unknown }>(sql`select ${json(v)} as v`)
      expect(row?.v).toEqual(JSON.parse(JSON.stringify(v)))
    }),
    { numRuns: 40 },
  )
})

test("membership in a list works for any length with one statement", async () => {
  const among = (list: string[]) => d.db.query(sql`select 'b' = ${anyOf(list)} as found`)
  expect(await among([])).toEqual([{ found: false }])
  expect(await among(["a", "b"])).toEqual([{ found: true }])
})

test("a transaction that throws leaves nothing", async () => {
  const put = sql`insert into kv (namespace, key, value, updated_at) values ('tx', 'a', '1', now())`
  await expect(
    d.db.transaction(async (tx) => {
      await tx.query(put)
      throw new Error("no")
    }),
  ).rejects.toThrow("no")
  expect(await d.db.query(sql`select 1 from kv where namespace = 'tx'`)).toEqual([])
})

test("after a failed statement the same text works again", async () => {
  const divide = (by: number) => d.db.query<{ n: number }>(sql`select 10 / ${by}::int as n`)
  await expect(divide(0)).rejects.toThrow("division by zero")
  expect(await divide(5)).toEqual([{ n: 2 }])
})

test("what listens hears what is notified", async () => {
  const heard = Promise.withResolvers<string>()
  const stop = await d.db.listen("test_channel", heard.resolve)
  await d.db.raw("select pg_notify($1, $2)", ["test_channel", "hello"])
  expect(await heard.promise).toBe("hello")
  await stop()
})
