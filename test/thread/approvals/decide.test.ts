import { sql } from "drizzle-orm"
import { beforeAll, beforeEach, describe, expect, test } from "vitest"
import { idOf, newId } from "../../../src/base/ids.ts"
import type { Event } from "../../../src/thread/inbox/event.ts"
import { OWNER_ID } from "../../../src/thread/people/people.ts"
import { askAbout } from "../../support/approvals.ts"
import { ownSpine } from "../../support/own.ts"
import { movableClock } from "../../support/schedule.ts"
import { text } from "../../support/spine.ts"

const MEMBER_ID = idOf("test:member")
const HOUR_MS = 3_600_000
const clock = movableClock("2026-11-22T12:00:00Z")
const s = await ownSpine({ now: clock.now })
beforeAll(async () => {
  await s.db.query(sql`insert into people (id, role, created_at) values (${MEMBER_ID}, 'member', now())`)
})
beforeEach(async () => {
  clock.to("2026-11-22T12:00:00Z")
  await s.db.raw("update approvals set state = 'cancelled' where state = 'open'")
})

const ask = (over: Partial<Parameters<typeof askAbout>[1]> = {}) => askAbout(s, { now: clock.now(), ...over })
/** Says `words` on a conversation of its own. */
const say = (words: string, over: Partial<Event> = {}) =>
  s.inbox.accept(text(words, { threadKey: `web:${newId()}`, ...over }))
const stateOf = async ({ waitId }: { waitId: string }) =>
  (await s.db.query<{ state: string }>(sql`select state from approvals where id = ${waitId}`))[0]?.state
const told = async ({ threadId }: { threadId: string }) =>
  (
    await s.db.query<{ text: string }>(
      sql`select body ->> 'text' as text from outbox where thread_id = ${threadId} order by seq`,
    )
  ).map((row) => row.text)
/** Whether the message became an ordinary one, for a run to answer. */
const isOrdinary = async ({ id }: { id: string }) =>
  (await s.db.query<{ state: string }>(sql`select state from inbox where id = ${id}`))[0]?.state === "new"

describe("a code with a word", () => {
  test.each([
    ["OK", "approved"],
    ["ok.", "approved"],
    ["yes", "approved"],
    ["NO", "denied"],
    ["again", "redo"],
  ])("%s decides its question: %s", async (word, state) => {
    const asked = await ask()
    await say(`${asked.code} ${word}`)
    expect(await stateOf(asked)).toBe(state)
  })

  test.each([
    ["edit: to Ben", "to Ben"],
    ["tell Ben instead", "tell Ben instead"],
  ])("%s is kept as what the person wants instead", async (words, kept) => {
    const here = { threadKey: `web:${newId()}` }
    const asked = await ask(here)
    const said = await say(`${asked.code} ${words}`, here)
    expect(await stateOf(asked)).toBe("changed")
    const [row] = await s.db.query<{ answer: string }>(sql`select answer from approvals where id = ${asked.waitId}`)
    expect(row).toEqual({ answer: kept })
    expect(await told(said)).toEqual([])
  })

  test("words for a run that works elsewhere get a receipt, since nothing else would", async () => {
    const asked = await ask()
    expect(await told(await say(`${asked.code} edit: to Ben`))).toEqual([
      `${asked.code} was not done; your words were passed on.`,
    ])
  })

  test("whether a lost effect happened is no matter of other words", async () => {
    const asked = await ask({ kind: "uncertain" })
    const said = await say(`${asked.code} edit: to Ben`)
    expect(await stateOf(asked)).toBe("open")
    expect((await told(said))[0]).toContain(`Reply ${asked.code} OK if it happened`)
  })

  test("other words after a code that is not open are talk; with edit they are told what became of it", async () => {
    const asked = await ask()
    await say(`${asked.code} NO`)
    expect(await isOrdinary(await say(`${asked.code} paper is out`))).toBe(true)
    expect((await told(await say(`${asked.code} edit: to Ben`)))[0]).toMatch(
      /^.. was already denied by you, .+ [AP]M\.$/,
    )
  })

  test("a bare edit counts only while exactly one question is open", async () => {
    expect(await isOrdinary(await say("edit: to Ben"))).toBe(true)
    const [first, second] = [await ask(), await ask()]
    expect((await told(await say("edit: to Ben")))[0]).toContain("Which one?")
    await say(`${second.code} NO`)
    await say("edit: to Ben")
    expect(await stateOf(first)).toBe("changed")
  })

  test("decides that question and no other", async () => {
    const [first, second] = [await ask(), await ask()]
    await say(`${second.code} OK`)
    expect([await stateOf(first), await stateOf(second)]).toEqual(["open", "approved"])
  })

  test("says who answered, where and when", async () => {
    const asked = await ask()
    await say(`${asked.code} OK`, { channel: "sms", threadKey: "sms:1:2" })
    const [row] = await s.db.query(
      sql`select answered_by as by, answered_via as via, answered_at as at from approvals where id = ${asked.waitId}`,
    )
    expect(row).toEqual({ by: OWNER_ID, via: "sms", at: clock.now() })
  })

  test("makes the waiting run go on, on its own thread", async () => {
    const asked = await ask()
    await say(`${asked.code} OK`)
    expect((await s.leases.claim(asked.threadId))?.run).toMatchObject({ id: asked.runId, fresh: false })
  })

  test("starts no run where it was said", async () => {
    const asked = await ask()
    const { threadId } = await say(`${asked.code} OK`)
    expect(await s.leases.claim(threadId)).toBeNull()
  })

  test("that asks to see it again shows it and leaves it open", async () => {
    const asked = await ask({ display: "label a/b#1 as bug" })
    const said = await say(`${asked.code} SHOW`)
    expect(await told(said)).toEqual([`${asked.code}: label a/b#1 as bug\nReply ${asked.code} OK or ${asked.code} NO.`])
    expect(await stateOf(asked)).toBe("open")
  })

  test("that no question ever had is an ordinary message", async () => {
    const { code } = await ask()
    await s.db.query(sql`delete from outbox`)
    await s.db.query(sql`delete from approvals`)
    expect(await isOrdinary(await say(`${code} OK`))).toBe(true)
  })
})

describe("a bare OK", () => {
  test("answers the only open question", async () => {
    const asked = await ask()
    await say("OK")
    expect(await stateOf(asked)).toBe("approved")
  })

  test("is an ordinary message when nothing is asked", async () => {
    expect(await isOrdinary(await say("OK"))).toBe(true)
  })

  test("decides nothing when several questions are open: it asks which", async () => {
    const [first, second] = [await ask({ display: "post it" }), await ask({ display: "delete it" })]
    const said = await say("OK")
    expect([await stateOf(first), await stateOf(second)]).toEqual(["open", "open"])
    const [reply] = await told(said)
    expect(reply).toContain(`${first.code}: post it`)
    expect(reply).toContain(`${second.code}: delete it`)
  })

  test("means the one whose time is not over", async () => {
    const over = await ask({ expiresAt: clock.now() })
    const open = await ask()
    await say("NO")
    expect([await stateOf(over), await stateOf(open)]).toEqual(["open", "denied"])
  })

  test("is an ordinary message when the only question's time is over", async () => {
    await ask({ expiresAt: clock.now() })
    expect(await isOrdinary(await say("OK"))).toBe(true)
  })
})

describe("an answer that comes too late", () => {
  test("to a question whose time is over does nothing and says so", async () => {
    const asked = await ask()
    clock.pass(25 * HOUR_MS)
    const said = await say(`${asked.code} OK`)
    expect(await stateOf(asked)).toBe("open")
    expect(await told(said)).toEqual([`${asked.code} has expired, so nothing was done. Ask again to redo it.`])
  })

  test.each([
    ["approved", "was already approved"],
    ["denied", "was already denied"],
    ["redo", "is already being done again"],
    ["expired", "has expired"],
    ["cancelled", "was withdrawn"],
  ])("to one that is %s says so and changes nothing", async (state, words) => {
    const asked = await ask()
    await s.db.query(sql`update approvals set state = ${state} where id = ${asked.waitId}`)
    const said = await say(`${asked.code} NO`)
    expect((await told(said))[0]).toContain(words)
    expect(await stateOf(asked)).toBe(state)
  })
})

describe("a question is its person's alone:", () => {
  const member = { personId: MEMBER_ID, threadKey: "web:member" }

  test.each(["K7 OK", "OK"])("a member's %j on the owner's question is an ordinary message", async (words) => {
    const asked = await ask({ code: "K7" })
    expect(await isOrdinary(await say(words, member))).toBe(true)
    expect(await stateOf(asked)).toBe("open")
  })

  test("a member who presses its button is told so, and no run begins", async () => {
    const asked = await ask({ code: "K7" })
    const pressed = await say("K7 OK", { ...member, isPress: true })
    expect(await told(pressed)).toEqual(["K7 is not yours to decide."])
    expect(await isOrdinary(pressed)).toBe(false)
    expect(await stateOf(asked)).toBe("open")
  })

  test("a stranger's word in an issue answers nothing", async () => {
    const asked = await ask({ code: "K7" })
    await say("K7 OK", { personId: null, channel: "github", threadKey: "github:a/b#1" })
    expect(await stateOf(asked)).toBe("open")
  })

  test("a command is never an answer", async () => {
    const asked = await ask({ code: "K7" })
    await say("/approve K7")
    expect(await stateOf(asked)).toBe("open")
  })
})

describe("one of many answers", () => {
  test("decides: fifty at once, half of them no, leave one decision and tell the others", async () => {
    const asked = await ask()
    const threadKey = `web:${newId()}`
    await Promise.all(Array.from({ length: 50 }, (_, n) => say(`${asked.code} ${n % 2 ? "OK" : "NO"}`, { threadKey })))
    expect(["approved", "denied"]).toContain(await stateOf(asked))
    expect(await told({ threadId: idOf(threadKey) })).toHaveLength(49)
  })

  test("delivered twice decides once and is told nothing", async () => {
    const asked = await ask()
    const event = text(`${asked.code} OK`, { threadKey: `web:${newId()}` })
    const [first, second] = [await s.inbox.accept(event), await s.inbox.accept(event)]
    expect([first.duplicate, second.duplicate, second.id]).toEqual([false, true, first.id])
    expect(await told(first)).toEqual([])
  })
})

test("a code that is used again means the open question, not the old one", async () => {
  const old = await ask({ code: "K7" })
  await say("K7 NO")
  const fresh = await ask({ code: "K7" })
  await say("K7 OK")
  expect([await stateOf(old), await stateOf(fresh)]).toEqual(["denied", "approved"])
})
