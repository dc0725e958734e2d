/** Answers of the embedded database, read as PGlite's own reader reads them. */
import { parse, protocol, types } from "@electric-sql/pglite"
import fc from "fast-check"
import { afterAll, beforeAll, expect, test } from "vitest"
import { openPglite } from "../../../src/db/embedded/pglite.ts"
import { columnsOf, rowsOf } from "../../../src/db/embedded/rows.ts"

const { serialize } = protocol
let db: Awaited<ReturnType<typeof openPglite>>
beforeAll(async () => {
  db = await openPglite({})
}, 120_000)
afterAll(() => db.close())

const deaf = () => {}

/** Answers to the description and to the execution of a statement; what the library makes of both is the oracle. */
async function asked(text: string, values: (string | null)[] = []) {
  const say = async (...messages: Uint8Array[]) => {
    const { data, messages: read } = await db.pglite.execProtocol(Buffer.concat([...messages, serialize.sync()]), {
      throwOnError: false,
    })
    return { data: Buffer.from(data), read }
  }
  const description = await say(serialize.parse({ text }), serialize.describe({ type: "S" }))
  const execution = await say(serialize.bind({ values }), serialize.execute({}))
  return {
    columns: columnsOf(description.data, types.parsers),
    answer: execution.data,
    oracle: () => parse.parseResults([...description.read, ...execution.read], types.parsers)[0]?.rows,
  }
}

const words = fc.option(
  fc.string({ unit: "grapheme", maxLength: 40 }).map((s) => s.replaceAll("\0", "").toWellFormed()),
)

test("rows are what PGlite's own reader makes of them, whatever they hold", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.record({ a: words, b: words }), { maxLength: 8 }), async (rows) => {
      const { columns, answer, oracle } = await asked(
        "select a, b, length(a) as n from jsonb_to_recordset($1::jsonb) as r(a text, b text)",
        [JSON.stringify(rows)],
      )
      const read = rowsOf(answer, columns, deaf)
      expect(read).toEqual(oracle())
      expect(read.map(({ a, b }) => ({ a, b }))).toEqual(rows)
    }),
    { numRuns: 50 },
  )
})

test("values of every type that we store are read as their type", async () => {
  const { columns, answer, oracle } =
    await asked(`select 1::int4 as n, 2::int8 as big, 1.5::float8 as part, true as yes,
    '{"a":[1,null]}'::jsonb as j, '2026-11-22T01:02:03Z'::timestamptz as at, '\\x00ff'::bytea as bytes,
    'ab'::text as words, '' as empty, null::int4 as nothing, array['x','y'] as list`)
  const [row] = rowsOf(answer, columns, deaf)
  expect(row).toEqual(oracle()?.[0])
  expect(row).toMatchObject({
    n: 1,
    yes: true,
    j: { a: [1, null] },
    at: new Date("2026-11-22T01:02:03Z"),
    nothing: null,
  })
})

test("an answer longer than the database's buffer comes whole", async () => {
  const rows = await db.raw("select n, repeat('ä', 5000) as words from generate_series(1, 300) n")
  expect(rows).toHaveLength(300)
  expect(rows.every(({ words }, at) => words === "ä".repeat(5000) && rows[at]?.n === at + 1)).toBe(true)
})

test("what the database refuses is thrown with its code, also after rows", async () => {
  const { columns, answer } = await asked("select 10 / (3 - n) as n from generate_series(1, 5) n")
  expect(() => rowsOf(answer, columns, deaf)).toThrow("division by zero")
  await expect(db.raw("select 10 / (3 - n) as n from generate_series(1, 5) n")).rejects.toMatchObject({ code: "22012" })
})

test("what is notified beside an answer reaches who listens, until they stop", async () => {
  const heard: string[] = []
  const unlisten = await db.listen("beside", (payload) => void heard.push(payload))
  await db.raw("select pg_notify('beside', $1)", ["alone"])
  await db.transaction((tx) => tx.raw("select pg_notify('beside', 'in a transaction')"))
  await db.raw("select pg_notify('other', 'not for us')")
  await unlisten()
  await db.raw("select pg_notify('beside', 'late')")
  expect(heard).toEqual(["alone", "in a transaction"])
})
