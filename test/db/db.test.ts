/** What `Db` promises is the same on both kinds: CI runs this file on each. */
import { sql } from "drizzle-orm"
import { beforeAll, expect, test } from "vitest"
import { z } from "zod"
import { anyOf, json } from "../../src/db/sql.ts"
import { ownDatabase } from "../support/own.ts"

const database = await ownDatabase()
beforeAll(async () => {
  await database.db.script("create table if not exists pairs (id bigint primary key, value jsonb)")
})

const one = async (statement: ReturnType<typeof sql>) => (await database.db.query(statement))[0]

test("rows have one set of types", async () => {
  const at = new Date("2026-02-03T04:05:06.789Z")
  const row =
    await one(sql`select 9007199254740991::int8 as big, 7::int4 as small, 0.25::float8 as real, true as yes, null::text as nothing,
    ${at}::timestamptz as at, '{"a":[1,null,"x"]}'::jsonb as parsed, 'text'::text as words, count(*) as counted,
    '\\x00ff'::bytea as bytes, '01890000-0000-7000-8000-000000000000'::uuid as id from (values (1), (2)) v`)
  const bytes = Buffer.from(z.instanceof(Uint8Array).parse(row?.bytes)).toString("hex")
  expect({ ...row, bytes }).toEqual({
    big: Number.MAX_SAFE_INTEGER,
    small: 7,
    real: 0.25,
    yes: true,
    nothing: null,
    at,
    parsed: { a: [1, null, "x"] },
    words: "text",
    counted: 2,
    bytes: "00ff",
    id: "01890000-0000-7000-8000-000000000000",
  })
})

test.each([
  ["an object", { a: { b: [1, 2] } }],
  ["an array", [1, "two", null]],
  ["a bare string", 'it\'s "quoted" \\ $1'],
  ["a number", 1.5],
  ["a boolean", false],
  ["nothing", null],
  ["left out", undefined],
])("json carries %s", async (_name, value) => {
  expect(await one(sql`select ${json(value)} as value`)).toEqual({ value: value ?? null })
})

test("json is stored without what jsonb refuses: NUL is gone, half of a character is replaced, escapes of text stay", async () => {
  const value = { "k\u0000": ["a\u0000b", "\ud83d!", "\udc4d", "\u{1f44d}", "\\u0000 \\\u0000 \\ud83d", '\\"\u0000"'] }
  expect(await one(sql`select ${json(value)} as value`)).toEqual({
    value: { k: ["ab", "\ufffd!", "\ufffd", "\u{1f44d}", "\\u0000 \\ \\ud83d", '\\""'] },
  })
})

test("json is stored and read back as what it was, not as text of it", async () => {
  await database.db.query(sql`insert into pairs values (1, ${json("bare")}), (2, ${json([1])})`)
  expect(await database.db.query(sql`select id, jsonb_typeof(value) as type, value from pairs order by id`)).toEqual([
    { id: 1, type: "string", value: "bare" },
    { id: 2, type: "array", value: [1] },
  ])
})

test("anyOf compares ids and numbers by their own type", async () => {
  const id = "01890000-0000-7000-8000-000000000000"
  expect(
    await one(sql`select ${id}::uuid = ${anyOf([id], "uuid")} as id, 5::bigint = ${anyOf(["5"], "bigint")} as n`),
  ).toEqual({
    id: true,
    n: true,
  })
})

test("a script is one transaction", async () => {
  await expect(
    database.db.script("insert into pairs values (20, null); insert into pairs values (20, null)"),
  ).rejects.toThrow()
  expect(await database.db.query(sql`select id from pairs where id = 20`)).toEqual([])
})

test("errors carry the database's code", async () => {
  await expect(database.db.query(sql`select * from nowhere`)).rejects.toMatchObject({ code: "42P01" })
})
