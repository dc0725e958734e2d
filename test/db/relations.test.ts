/** The migration that made columns of relations, on a database made by the version before it, with every shape they took. */
import { sql } from "drizzle-orm"
import { describe, expect, test } from "vitest"
import { idOf } from "../../src/base/ids.ts"
import { codeSchema, databaseSchema, migrate } from "../../src/db/migrate.ts"
import { json } from "../../src/db/sql.ts"
import { databaseBefore } from "../support/earlier.ts"

const OWNER = idOf("owner")
const MEMBER = idOf("member")
const db = await databaseBefore("relations_are_columns")

let clock = Date.parse("2026-11-20T08:00:00Z")
/** A later moment. */
const later = () => {
  clock += 1000
  return new Date(clock)
}

async function thread(name: string, channel: string): Promise<void> {
  await db.query(
    sql`insert into threads (id, channel, key, target, created_at) values (${idOf(name)}, ${channel}, ${name}, '', now())`,
  )
}

let seq = 0
interface Said {
  on?: string
  by?: string
  at?: Date
  run?: string
}
/** An inbox row, named by its words. */
async function said(text: string, { on = "web", by = OWNER, at = later(), run }: Said = {}): Promise<void> {
  await db.query(sql`
    insert into inbox (id, source, external_id, thread_id, seq, kind, person_id, payload, label, state, run_id, received_at)
    values (${idOf(text)}, 'x', ${text}, ${idOf(on)}, ${++seq}, 'message', ${by}, ${json({ text })}, '{}', 'done', ${run ?? null}, ${at})`)
}

interface Asked {
  state?: string
  step?: number
  at?: Date | null
  run?: string
}
/** A run with an approval, which is named by its tool and was answered by the owner at `at`. */
async function asked(
  name: string,
  code: string,
  { state = "approved", step = 1, at = null, run }: Asked = {},
): Promise<void> {
  if (run === undefined) {
    await said(`do ${name}`, { run: idOf(name) })
    await db.query(sql`
      insert into runs (id, thread_id, trigger_id, kind, state, label, code_version, started_at)
      values (${idOf(name)}, ${idOf("web")}, ${idOf(`do ${name}`)}, 'message', 'done', '{}', 'x', now())`)
  }
  await db.query(sql`
    insert into waits (id, run_id, thread_id, step, kind, code, tool, args, args_hash, display, asked_of, state, answered_by,
      answered_via, answered_at, created_at, expires_at)
    values (${idOf(`wait ${name}`)}, ${idOf(run ?? name)}, ${idOf("web")}, ${step}, 'approval', ${code}, ${name}, '{}', '', '', ${OWNER}, ${state},
      ${at && OWNER}, ${at && "web"}, ${at}, ${later()}, now())`)
}

interface Posted {
  on?: string
  run?: string
  error?: unknown
}
/** An outbox row, named by its words. */
async function posted(text: string, key: string, { on = "web", run, error }: Posted = {}): Promise<void> {
  await db.query(sql`
    insert into outbox (id, thread_id, run_id, dedupe_key, channel, target, body, state, error, next_at, created_at)
    values (${idOf(`post ${text}`)}, ${idOf(on)}, ${run ? idOf(run) : null}, ${key}, ${on}, '', ${json({ text })}, 'sent',
      ${error === undefined ? null : json(error)}, now(), ${later()})`)
}
const ask = (name: string, step = 1) => `run:${idOf(name)}:ask:${step}`
const answer = (text: string) => `answer:${idOf(text)}`

async function fill(): Promise<void> {
  for (const [id, role] of [
    [OWNER, "owner"],
    [MEMBER, "member"],
  ] as const)
    await db.query(sql`insert into people (id, role, created_at) values (${id}, ${role}, now())`)
  for (const channel of ["web", "telegram", "sms"]) await thread(channel, channel)
  await answeredWhereAsked()
  await sentAgain()
  await atOneMoment()
  await withoutAnswer()
  await posted("no error", "e1")
  await posted("error null", "e2", { error: null })
  await posted("error without repeat", "e3", { error: { code: "x" } })
  await posted("not a repeat", "e4", { error: { code: "x", repeat: false } })
  await posted("a repeat", "e5", { error: { code: "x", repeat: true } })
}

/** A code that two approvals had, one after the other; a late word on each, and somebody else's. */
async function answeredWhereAsked(): Promise<void> {
  const [first, second] = [later(), later()]
  await asked("old", "K7", { state: "denied", at: first })
  await posted("K7: old?", ask("old"), { run: "old", on: "telegram" })
  await said("K7 NO", { on: "telegram", at: first })
  await said("k7 ok, late")
  await posted("K7 was already denied by you.", answer("k7 ok, late"))
  await posted("K7 was already denied by you: again", `${answer("k7 ok, late")}:fallback`, { on: "sms" })
  await asked("new", "K7", { at: second })
  await posted("K7: new?", ask("new"), { run: "new", on: "telegram" })
  await posted("the run's answer", `run:${idOf("new")}:reply`, { run: "new" })
  // Of two words at the moment of the decision, the one that was told something decided nothing.
  await said("K7 yes: told", { at: second })
  await posted("K7 was already approved.", answer("K7 yes: told"))
  await said("K7 OK", { on: "sms", at: second })
  await said("K7 OK: a member's", { by: MEMBER })
  await posted("K7 is not yours to decide.", answer("K7 OK: a member's"))
}

/** Asked by SMS, which failed, then in Telegram, which failed, then on the web; answered there. */
async function sentAgain(): Promise<void> {
  const at = later()
  await asked("far", "R6", { state: "denied", step: 1, at })
  await asked("far, later", "9H", { state: "expired", step: 12, run: "far" })
  await posted("R6 by SMS", ask("far"), { run: "far", on: "sms" })
  await posted("R6 in Telegram", `${ask("far")}:fallback`, { run: "far", on: "telegram" })
  await posted("R6 on the web", `${ask("far")}:fallback:fallback`, { run: "far" })
  await posted("9H on the web", ask("far", 12), { run: "far" })
  await said("R6 NO", { at })
}

async function atOneMoment(): Promise<void> {
  const [first, second, third] = [later(), later(), later()]
  await asked("bikes", "M4", { at: first })
  await asked("boats", "P3", { state: "denied", at: first })
  await said("p3, no.", { at: first })
  await said("M4 OK", { at: first })
  // Words that name another code, and were told that they were passed on.
  await asked("words", "H8", { state: "changed", at: second })
  await asked("other", "V9", { at: second })
  await said("H8 edit: like V9", { at: second })
  await posted("H8 was not done; your words were passed on.", answer("H8 edit: like V9"))
  await said("V9 yes", { at: second })
  // Bare words name none.
  await asked("one", "X4", { at: third })
  await asked("two", "Y4", { at: third })
  await said("yes", { at: third })
  await said("okay", { at: third })
}

async function withoutAnswer(): Promise<void> {
  for (const state of ["open", "expired", "cancelled"])
    await asked(state, `${state.charAt(0).toUpperCase()}3`, { state })
  await posted("O3: open?", ask("open"), { run: "open" })
  await said("yes, whichever")
  await posted("Which one? O3: open", answer("yes, whichever"))
}

await fill()
await migrate(db)

test("brings the database to this code's schema, with no name left of the old table", async () => {
  expect(await databaseSchema(db)).toBe(codeSchema())
  const left = await db.query(sql`
    select conname as name from pg_constraint where conname like 'waits%' union all select relname from pg_class where relname like 'waits%'`)
  expect(left).toEqual([])
})

test("each approval knows the message that decided it", async () => {
  const rows = await db.query<{ name: string; words: string | null }>(sql`
    select tool as name, payload ->> 'text' as words from approvals left join inbox on inbox.id = answered_event`)
  expect(Object.fromEntries(rows.map(({ name, words }) => [name, words]))).toEqual({
    old: "K7 NO",
    new: "K7 OK",
    far: "R6 NO",
    "far, later": null,
    bikes: "M4 OK",
    boats: "p3, no.",
    words: "H8 edit: like V9",
    other: "V9 yes",
    one: "yes",
    two: "okay",
    open: null,
    expired: null,
    cancelled: null,
  })
})

describe("each message that left knows", () => {
  const all = async () => {
    const rows = await db.query<{ text: string; about: string | null; to: string | null; of: string | null }>(sql`
      select outbox.body ->> 'text' as text, tool as about, payload ->> 'text' as "to", first.body ->> 'text' as "of"
      from outbox left join approvals on approvals.id = approval_id left join inbox on inbox.id = outbox.replies_to
        left join outbox first on first.id = outbox.fallback_of`)
    return new Map(rows.map(({ text, ...row }) => [text, row]))
  }
  test.each([
    ["K7: old?", { about: "old", to: null, of: null }],
    ["K7: new?", { about: "new", to: null, of: null }],
    ["the run's answer", { about: null, to: null, of: null }],
    ["R6 by SMS", { about: "far", to: null, of: null }],
    ["R6 in Telegram", { about: "far", to: null, of: "R6 by SMS" }],
    ["R6 on the web", { about: "far", to: null, of: "R6 in Telegram" }],
    ["9H on the web", { about: "far, later", to: null, of: null }],
    ["O3: open?", { about: "open", to: null, of: null }],
    ["K7 was already denied by you.", { about: "old", to: "k7 ok, late", of: null }],
    ["K7 was already denied by you: again", { about: "old", to: "k7 ok, late", of: "K7 was already denied by you." }],
    ["K7 was already approved.", { about: "new", to: "K7 yes: told", of: null }],
    ["K7 is not yours to decide.", { about: "new", to: "K7 OK: a member's", of: null }],
    ["H8 was not done; your words were passed on.", { about: "words", to: "H8 edit: like V9", of: null }],
    ["Which one? O3: open", { about: null, to: "yes, whichever", of: null }],
    ["no error", { about: null, to: null, of: null }],
  ])("what it is about, answers and was sent again for: %s", async (text, knows) => {
    expect((await all()).get(text)).toEqual(knows)
  })
})

test("what was perhaps sent before is marked, and its error holds only the error", async () => {
  const rows = await db.query<{ text: string; isMarked: boolean; error: unknown }>(sql`
    select body ->> 'text' as text, maybe_sent as "isMarked", error from outbox where dedupe_key like 'e_' order by seq`)
  expect(rows).toEqual([
    { text: "no error", isMarked: false, error: null },
    { text: "error null", isMarked: false, error: null },
    { text: "error without repeat", isMarked: false, error: { code: "x" } },
    { text: "not a repeat", isMarked: false, error: { code: "x" } },
    { text: "a repeat", isMarked: true, error: { code: "x" } },
  ])
})

test("an empty database takes it too, and a relation to nothing is refused from then on", async () => {
  const empty = await databaseBefore("relations_are_columns")
  await migrate(empty)
  expect(await databaseSchema(empty)).toBe(codeSchema())
  await expect(
    db.query(sql`update outbox set fallback_of = ${idOf("nothing")} where dedupe_key = 'e1'`),
  ).rejects.toMatchObject({ code: "23503" })
  await expect(db.query(sql`update runs set state = 'needs_review'`)).rejects.toMatchObject({ code: "23514" })
})
