import { sql } from "drizzle-orm"
import { beforeAll, beforeEach, describe, expect, test } from "vitest"
import { newId } from "../../src/base/ids.ts"
import { SYSTEM_LABEL } from "../../src/base/label.ts"
import { isGsm7, measure } from "../../src/channels/sms/segments.ts"
import { json } from "../../src/db/sql.ts"
import { createDigest } from "../../src/digest/digest.ts"
import { createPeople, OWNER_ID } from "../../src/thread/people/people.ts"
import { ownDatabase } from "../support/own.ts"

const NY = "America/New_York"
const NOW = new Date("2026-11-22T13:00:00Z")
const clock = { now: () => NOW }
const base = await ownDatabase()

beforeAll(async () => {
  await createPeople({ db: base.db, clock, newId }).ensureOwner({ timezone: NY })
})
beforeEach(async () => {
  for (const table of ["decisions", "approvals", "runs", "inbox", "threads"]) await base.db.raw(`delete from ${table}`)
})

const digests = () => createDigest({ db: base.db, clock })
const compose = (day = "2026-11-21", zone = NY, note?: string) => digests().compose(day, zone, note)

interface Made {
  number?: number
  repo?: string
  title?: string
  kind?: "bug" | "feature" | "question" | "docs"
  hard?: boolean
  assignee?: string | null
  state?: "pending" | "applied" | "declined"
  correctedTo?: string | null
  demo?: boolean
  at?: string
}
let number = 0
async function decide(made: Made = {}): Promise<void> {
  const m = { number: ++number, repo: "acme/shop", title: "t", kind: "bug", hard: false, assignee: null, ...made }
  await base.db.query(sql`
    insert into decisions (id, repo, number, content_hash, title, kind, confidence, reason, method, hard, labels, assignee,
      state, corrected_to, run_id, url, demo, decided_at)
    values (${newId()}::uuid, ${m.repo}, ${m.number}, ${newId()}, ${m.title}, ${m.kind}, 0.9, 'r', 'rules', ${m.hard},
      ${json([])}, ${m.assignee}::text, ${m.state ?? "applied"}, ${m.correctedTo ?? null}::text, ${newId()}::uuid, 'u',
      ${m.demo ?? false}, ${m.at ?? "2026-11-21T15:00:00Z"}::timestamptz)`)
}
async function ask(code: string, display: string, expiresAt = "2026-11-23T00:00:00Z"): Promise<void> {
  const [thread, inbox, run] = [newId(), newId(), newId()]
  await base.db.query(
    sql`insert into threads (id, channel, key, created_at) values (${thread}, 'github', ${thread}, now())`,
  )
  await base.db.query(sql`
    insert into inbox (id, source, external_id, thread_id, seq, kind, payload, label, received_at)
    values (${inbox}, 't', ${inbox}, ${thread}, 1, 'issue', '{}', ${json(SYSTEM_LABEL)}, now())`)
  await base.db.query(sql`
    insert into runs (id, thread_id, trigger_id, kind, state, label, code_version, started_at)
    values (${run}, ${thread}, ${inbox}, 'issue', 'waiting', ${json(SYSTEM_LABEL)}, 'test', now())`)
  await base.db.query(sql`
    insert into approvals (id, run_id, thread_id, step, kind, code, tool, args, args_hash, display, asked_of, created_at, expires_at)
    values (${newId()}, ${run}, ${thread}, 0, 'approval', ${code}, 'label', '{}', 'h', ${display}, ${OWNER_ID}, now(),
      ${expiresAt}::timestamptz)`)
}

test("a digest counts the day by kind and by person, and lists open approvals and hard issues", async () => {
  for (let i = 0; i < 7; i++) await decide({ assignee: i < 4 ? "ana" : "ben" })
  for (let i = 0; i < 3; i++) await decide({ kind: "feature" })
  for (let i = 0; i < 3; i++) await decide({ kind: "question", assignee: "cem", state: "pending" })
  await decide({ kind: "docs", number: 812, title: 'Broken "link" on https://evil.example/x', hard: true })
  await ask("K7", 'label "breaking" on acme/shop#812')
  await ask("M4", "close acme/shop#807")
  await ask("A3", "expired yesterday", "2026-11-22T12:00:00Z")
  const digest = await compose()
  expect(digest.text.split("\n")).toEqual([
    "Triage Sat 21 Nov: 14 issues",
    "7 bug 3 feat 3 question 1 docs",
    "Assigned: ana 4, ben 3",
    "Needs you: 2, reply K7 OK or K7 NO",
    'K7 label "breaking" on acme/shop#812',
    "M4 close acme/shop#807",
    "Hard: #812 \"Broken 'link' on\"",
  ])
  expect(digest).toMatchObject({
    segments: 2,
    hard: ["Hard: #812 \"Broken 'link' on\""],
    counts: { issues: 14, kinds: { bug: 7, feature: 3, question: 3, docs: 1 }, approvals: 2 },
  })
})

describe("on a day without issues", () => {
  test("the digest is one short line", async () => {
    expect(await compose()).toMatchObject({ text: "Triage Sat 21 Nov: no issues", segments: 1, hard: [] })
  })

  test("open approvals are still listed", async () => {
    await ask("K7", "close acme/shop#807")
    const { text } = await compose()
    expect(text).toBe("Triage Sat 21 Nov: no issues\nNeeds you: 1, reply K7 OK or K7 NO\nK7 close acme/shop#807")
  })
})

describe("what is counted", () => {
  test.each([
    ["2026-03-08", 23],
    ["2026-11-01", 25],
  ])("is exactly the local day %s with its %d hours", async (day, hours) => {
    const midnight = Date.parse(`${day}T${hours === 23 ? "05" : "04"}:00:00Z`)
    const at = (ms: number) => decide({ at: new Date(midnight + ms).toISOString() })
    await at(-1)
    await at(0)
    await at(hours * 3_600_000 - 1)
    await at(hours * 3_600_000)
    expect((await compose(day)).counts.issues).toBe(2)
  })

  test("is each issue once, by its last decision, with a person's correction", async () => {
    await decide({ number: 5, kind: "bug", at: "2026-11-21T15:00:00Z" })
    await decide({ number: 5, kind: "docs", at: "2026-11-21T16:00:00Z" })
    await decide({ number: 6, kind: "bug", correctedTo: "question" })
    await decide({ number: 5, repo: "acme/app", kind: "feature" })
    expect((await compose()).counts).toMatchObject({ issues: 3, kinds: { bug: 0, docs: 1, question: 1, feature: 1 } })
  })

  test("are issues of the demonstration only when there are no others", async () => {
    await decide({ demo: true })
    expect((await compose()).text).toContain("Sat 21 Nov (demo): 1 issue\n")
    await decide()
    await decide()
    expect((await compose()).text).toContain("Sat 21 Nov: 2 issues\n")
  })
})

describe("two segments", () => {
  test("are enough: whole lines are left out, and counts and approvals stay", async () => {
    for (let i = 0; i < 30; i++) await decide({ number: 100 + i, hard: true, title: `Checkout ${"very ".repeat(20)}` })
    for (const code of ["K7", "M4", "A3"]) await ask(code, `close acme/shop#${code}`)
    const { text, segments, hard } = await compose("2026-11-21", NY, "(due at 8:00 AM, 40 minutes late)")
    const lines = text.split("\n")
    expect(segments).toBeLessThanOrEqual(2)
    expect(hard).toHaveLength(30)
    expect(lines.slice(0, 2)).toEqual(["Triage Sat 21 Nov: 30 issues", "30 bug"])
    for (const code of ["K7", "M4", "A3"]) expect(text).toContain(`${code} close acme/shop#${code}`)
    expect(lines).toContain("(due at 8:00 AM, 40 minutes late)")
    for (const line of lines.filter((one) => one.startsWith("Hard"))) expect(hard).toContain(line)
    expect(lines.at(-1)).toMatch(/^\+\d+ more$/)
  })

  test("are enough with more approvals than fit, in any script, with the counts first", async () => {
    const codes = ["K7", "M4", "A3", "B3", "C3", "D3", "E3", "F3"]
    for (const code of codes) await ask(code, `\u20ac[${"x^".repeat(40)}] \u7ed3\u8d26`)
    await decide({ title: "\u7ed3\u8d26\u5931\u8d25", hard: true, assignee: "ana" })
    const { text, segments } = await compose()
    expect(isGsm7(text)).toBe(true)
    expect(measure(text)).toMatchObject({ encoding: "gsm7", segments })
    expect(segments).toBeLessThanOrEqual(2)
    expect(text.startsWith("Triage Sat 21 Nov: 1 issue\n1 bug\nNeeds you: 8, reply K7 OK or K7 NO\nK7 ")).toBe(true)
  })

  test("name five people and count the others", async () => {
    for (const [index, assignee] of ["a", "b", "c", "d", "e", "f", "g"].entries())
      for (let i = index; i < 7; i++) await decide({ assignee })
    expect((await compose()).text).toContain("Assigned: a 7, b 6, c 5, d 4, e 3, others 3")
  })
})

test("hard issues of several repositories name their repository", async () => {
  await decide({ number: 1, repo: "acme/app", hard: true, title: "One" })
  await decide({ number: 2, repo: "acme/shop", hard: true, title: "Two" })
  expect((await compose()).hard).toEqual(['Hard: app#1 "One"', 'Hard: shop#2 "Two"'])
})
