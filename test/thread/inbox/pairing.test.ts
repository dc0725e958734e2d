import { sql } from "drizzle-orm"
import { beforeAll, beforeEach, describe, expect, test } from "vitest"
import { sha256 } from "../../../src/base/canonical.ts"
import { newId } from "../../../src/base/ids.ts"
import { silentLog } from "../../../src/base/log.ts"
import type { Inbound } from "../../../src/channels/channel.ts"
import { createIntake, type Intake } from "../../../src/thread/inbox/intake.ts"
import { createPairings, forgetCodes, type Pairings } from "../../../src/thread/inbox/pairing.ts"
import { postNotice } from "../../../src/thread/outbox/outbox.ts"
import { forgetAddress, forgetMember, knownPeople } from "../../../src/thread/people/directory.ts"
import { OWNER_ID } from "../../../src/thread/people/people.ts"
import { ownSpine } from "../../support/own.ts"
import { movableClock } from "../../support/schedule.ts"

const MINUTE = 60_000
const clock = movableClock("2026-11-22T12:00:00Z")
const s = await ownSpine({ now: clock.now })
let pairings: Pairings
let intake: Intake
beforeAll(async () => {
  pairings = made()
  intake = createIntake({ db: s.db, people: s.people, inbox: s.inbox, log: silentLog, pairings, notifier: s.notifier })
})
beforeEach(async () => {
  await s.db.raw("delete from pairings")
  await s.db.raw("delete from pairing_tries")
})

/** As a process that was just started makes it. */
const made = () => createPairings({ db: s.db, clock, newId, random: (n) => crypto.getRandomValues(new Uint8Array(n)) })

let phones = 0
const phone = () => `+1555777${String(++phones).padStart(4, "0")}`
const from = (address: string, text: string, more: Partial<Inbound> = {}): Inbound => ({
  channel: "sms",
  source: "sms:AC",
  externalId: newId(),
  address,
  threadKey: `sms:+1:${address}`,
  text,
  target: address,
  ...more,
})
const saidTo = async (target: string) =>
  (
    await s.db.query<{ text: string }>(
      sql`select body ->> 'text' as text from outbox where target = ${target} order by seq`,
    )
  ).map((row) => row.text)
const rows = async (address: string) =>
  (
    await s.db.query(
      sql`select 1 from inbox where payload::text like ${`%${address}%`} or source like ${`%${address}%`}`,
    )
  ).length

describe("a code", () => {
  test("has eight signs that are not taken for each other, and only its SHA-256 is stored", async () => {
    const { code, expiresAt } = await pairings.make("Ana")
    expect(code).toMatch(/^[ABCDEFGHJKMNPQRTUVWXY346789]{8}$/)
    expect(expiresAt).toEqual(new Date(clock.now().getTime() + 10 * MINUTE))
    const [row] = await s.db.query<Record<string, unknown>>(sql`select * from pairings`)
    expect(row).toMatchObject({ code_hash: sha256(code), name: "Ana" })
    expect(JSON.stringify(row)).not.toContain(code)
  })

  test("makes its sender a member, who is welcomed once and then just talks", async () => {
    const ana = phone()
    const { code, person } = await pairings.make("Ana")
    expect(person).toBe("a new member called Ana")
    const first = from(ana, ` ${code.toLowerCase()}\n`)
    expect(await intake.message(first)).toBe("paired")
    expect(await s.people.find("sms", ana)).toMatchObject({ name: "Ana", role: "member" })
    expect(await saidTo(ana)).toEqual([expect.stringMatching(/^Welcome, Ana\./)])
    expect(await intake.message(first)).toBe("duplicate")
    expect(await intake.message(from(ana, "hello"))).toBe("accepted")
    expect((await saidTo(ana)).length).toBe(1)
    expect(await s.db.query(sql`select 1 from inbox where payload::text ilike ${`%${code}%`}`)).toEqual([])
  })

  test("works once, also when two strangers text it in the same moment", async () => {
    const two = [phone(), phone()]
    const { code } = await pairings.make("")
    const taken = await Promise.all(two.map((address) => intake.message(from(address, code))))
    expect(taken.sort()).toEqual(["paired", "stranger"])
    expect(await intake.message(from(phone(), code))).toBe("stranger")
  })

  test("is worth nothing after ten minutes", async () => {
    const late = phone()
    const { code } = await pairings.make("")
    clock.to(new Date(clock.now().getTime() + 10 * MINUTE).toISOString())
    expect(await intake.message(from(late, code))).toBe("stranger")
    expect(await saidTo(late)).toEqual([])
  })

  test("for me is another address of the owner's", async () => {
    const mine = phone()
    const { code, person } = await pairings.make("me")
    expect(person).toBe("you")
    await intake.message(from(mine, code))
    expect(await s.people.find("sms", mine)).toMatchObject({ id: OWNER_ID, role: "owner" })
  })

  test("for somebody known is another address of theirs, whatever the case", async () => {
    const [first, second] = [phone(), phone()]
    await intake.message(from(first, (await pairings.make("Ben")).code))
    const { code, person } = await pairings.make("ben")
    expect(person).toBe("ben")
    await intake.message(from(second, code))
    expect((await s.people.find("sms", second))?.id).toBe((await s.people.find("sms", first))?.id)
  })

  test("is not taken in a group, where others read along", async () => {
    const { code } = await pairings.make("")
    const said = from("77", code, { channel: "telegram", target: "-100200", threadKey: "telegram:1:-100200" })
    expect(await intake.message(said)).toBe("stranger")
    expect(await intake.message({ ...said, externalId: newId(), target: "77" })).toBe("paired")
  })

  test("is refused while three wait, and made again when one was used or is too old", async () => {
    const codes = await Promise.allSettled([1, 2, 3, 4, 5].map(() => pairings.make("")))
    const good = codes.filter((one) => one.status === "fulfilled")
    expect(good.length).toBe(3)
    await expect(pairings.make("")).rejects.toMatchObject({ code: "limit_pairings" })
    await intake.message(from(phone(), good[0]?.value.code ?? ""))
    await pairings.make("")
    await expect(pairings.make("")).rejects.toMatchObject({ code: "limit_pairings" })
    clock.to(new Date(clock.now().getTime() + 11 * MINUTE).toISOString())
    await pairings.make("")
  })

  test("is not made for what is no name", async () => {
    await expect(pairings.make("x".repeat(81))).rejects.toMatchObject({ status: 400 })
    await expect(pairings.make("Ana\nSYSTEM")).rejects.toMatchObject({ status: 400 })
  })
})

describe("an answer that shows a code", () => {
  const ANSWER_TO = "+15550000001"
  let count = 0
  /** As `/pair` answers. */
  const answered = async (text: string, forgetAt?: Date) => {
    const { threadId } = await s.people.home(OWNER_ID, new Set(["sms"]))
    const dedupeKey = `answer:${++count}`
    await s.db.query(sql`update threads set target = ${ANSWER_TO} where id = ${threadId}`)
    await postNotice(s.db, { threadId, dedupeKey, text, now: clock.now(), ...(forgetAt ? { forgetAt } : {}) })
  }
  beforeEach(() => s.db.raw("delete from outbox"))

  test("is forgotten when the code is used", async () => {
    const { code, expiresAt } = await pairings.make("Ana")
    await answered(`${code}\nWhoever texts me exactly this`, expiresAt)
    await answered("something else", expiresAt)
    await answered(`${code} in an answer to keep`)
    await intake.message(from(phone(), code))
    expect(await saidTo(ANSWER_TO)).toEqual([
      "(a pairing code, not kept)",
      "something else",
      `${code} in an answer to keep`,
    ])
  })

  test("is forgotten when the code is over, and the code's own row too", async () => {
    const { code, expiresAt } = await pairings.make("Ana")
    await answered(code, expiresAt)
    await answered("kept")
    clock.pass(10 * MINUTE)
    await forgetCodes(s.db, clock.now())
    expect(await saidTo(ANSWER_TO)).toEqual([code, "kept"])
    clock.pass(MINUTE)
    await forgetCodes(s.db, clock.now())
    expect(await saidTo(ANSWER_TO)).toEqual(["(a pairing code, not kept)", "kept"])
    expect(await s.db.query(sql`select 1 from pairings`)).toEqual([])
  })
})

describe("a stranger who guesses", () => {
  const wrong = (n: number) =>
    `AAAA${String(n)
      .padStart(4, "3")
      .replaceAll(/[0125]/g, "7")}`

  test("is looked at five times, then not for an hour, across a restart and with the right code", async () => {
    const guesser = phone()
    const { code } = await pairings.make("")
    for (let n = 0; n < 5; n++) expect(await intake.message(from(guesser, wrong(n)))).toBe("stranger")
    expect(await intake.message(from(guesser, code))).toBe("stranger")
    expect(await made().redeem(from(guesser, code))).toBeNull()
    expect(await saidTo(guesser)).toEqual([])
    clock.to(new Date(clock.now().getTime() + 59 * MINUTE).toISOString())
    expect(await intake.message(from(guesser, (await pairings.make("")).code))).toBe("stranger")
    clock.to(new Date(clock.now().getTime() + 2 * MINUTE).toISOString())
    expect(await intake.message(from(guesser, (await pairings.make("")).code))).toBe("paired")
  })

  test("does not spend the tries of another address", async () => {
    const guesser = phone()
    const { code } = await pairings.make("")
    await Promise.all(Array.from({ length: 20 }, (_, n) => intake.message(from(guesser, wrong(n)))))
    expect(await intake.message(from(phone(), code))).toBe("paired")
  })

  test("leaves no row while no code waits, and none by talk that is no code", async () => {
    const quiet = phone()
    expect(await intake.message(from(quiet, "AAAAAAAA"))).toBe("stranger")
    await pairings.make("")
    for (const text of ["hello", "AAAA AAAA", "AAAAAAAAA", "my code is AAAAAAAA", "IIIIOOOO"])
      expect(await intake.message(from(quiet, text))).toBe("stranger")
    expect(await s.db.query(sql`select 1 from pairing_tries`)).toEqual([])
    expect(await rows(quiet)).toBe(0)
  })
})

describe("the directory", () => {
  test("lists everybody with their addresses, the owner first, and nobody twice", async () => {
    const cy = phone()
    await intake.message(from(cy, (await pairings.make("Cy")).code))
    const people = await knownPeople(s.db)
    expect(people[0]).toMatchObject({ id: OWNER_ID, role: "owner" })
    expect(people.find(({ name }) => name === "Cy")?.addresses).toEqual([
      { channel: "sms", address: cy, optedOut: false },
    ])
    expect(new Set(people.map(({ id }) => id)).size).toBe(people.length)
  })

  test("who was removed is a stranger again, and whoever comes after sees none of their talk", async () => {
    const dee = phone()
    await intake.message(from(dee, (await pairings.make("Dee")).code))
    await intake.message(from(dee, "my secret"))
    const before = await s.people.find("sms", dee)
    expect(await forgetMember(s.db, before?.id ?? "")).toBe(true)
    expect(await intake.message(from(dee, "hello?"))).toBe("stranger")
    expect((await knownPeople(s.db)).some(({ name }) => name === "Dee")).toBe(false)
    await intake.message(from(dee, (await pairings.make("Dee")).code))
    const after = await s.people.find("sms", dee)
    expect(after?.id).not.toBe(before?.id)
    const [thread] = await s.db.query<{ personId: string; historyFrom: number; said: number }>(sql`
      select person_id as "personId", history_from as "historyFrom",
        (select max(seq) from inbox where thread_id = threads.id and payload ->> 'text' = 'my secret') as said
      from threads where target = ${dee}`)
    expect(thread?.personId).toBe(after?.id)
    expect(thread?.historyFrom).toBeGreaterThan(thread?.said ?? 0)
  })

  test("the owner cannot be removed, nor the owner's page", async () => {
    expect(await forgetMember(s.db, OWNER_ID)).toBe(false)
    expect(await forgetAddress(s.db, { channel: "web", address: "owner" })).toBe(false)
    expect(await s.people.find("web", "owner")).toMatchObject({ id: OWNER_ID })
  })
})
