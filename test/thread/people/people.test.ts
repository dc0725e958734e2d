import { sql } from "drizzle-orm"
import { beforeAll, beforeEach, describe, expect, test } from "vitest"
import { idOf, newId } from "../../../src/base/ids.ts"
import type { ChannelId } from "../../../src/channels/channel.ts"
import { createPeople, OWNER_ID, type People } from "../../../src/thread/people/people.ts"
import { ownDatabase } from "../../support/own.ts"
import { movableClock } from "../../support/schedule.ts"

const MEMBER_ID = idOf("test:member")
const clock = movableClock("2026-11-22T12:00:00Z")
const database = await ownDatabase()
let people: People
beforeAll(async () => {
  people = createPeople({ db: database.db, clock, newId })
})
beforeEach(async () => {
  await database.db.raw("delete from addresses")
  await database.db.raw("delete from threads")
  await database.db.raw("delete from people")
})

const all = new Set<ChannelId>(["web", "telegram", "sms"])
const settings = { phone: "+15550001111", telegramId: "42" }
async function addMember() {
  await database.db.query(
    sql`insert into people (id, role, created_at) values (${MEMBER_ID}, 'member', ${clock.now()})`,
  )
}

describe("the owner's row", () => {
  test("is made once, with the addresses that the environment names", async () => {
    await people.ensureOwner({ ...settings, timezone: "America/New_York" })
    const owner = await people.ensureOwner(settings)
    expect(owner).toEqual({ id: OWNER_ID, name: null, role: "owner", zone: "America/New_York" })
    expect(await people.find("sms", "+15550001111")).toMatchObject({ id: OWNER_ID, optedOut: false })
    expect(await people.find("telegram", "42")).toMatchObject({ id: OWNER_ID })
    expect(await database.db.query(sql`select count(*) as n from addresses`)).toEqual([{ n: 3 }])
  })

  test("keeps the zone that the owner said over the one in the environment", async () => {
    await people.ensureOwner({ timezone: "America/New_York" })
    await people.setZone(database.db, OWNER_ID, "Asia/Tokyo")
    expect(await people.ensureOwner({ timezone: "America/New_York" })).toMatchObject({ zone: "Asia/Tokyo" })
  })

  test("has no zone until one is known: never silently UTC", async () => {
    expect(await people.ensureOwner({})).toMatchObject({ zone: null })
  })

  test("keeps an opt-out over a restart", async () => {
    await people.ensureOwner(settings)
    await people.optOut("sms", "+15550001111", true)
    await people.ensureOwner(settings)
    expect(await people.find("sms", "+15550001111")).toMatchObject({ optedOut: true })
  })
})

test("a stranger is nobody, also with the owner's address on another channel", async () => {
  await people.ensureOwner(settings)
  expect(await people.find("sms", "+15559999999")).toBeNull()
  expect(await people.find("telegram", "+15550001111")).toBeNull()
  expect(await people.get(newId())).toBeNull()
})

test("an address belongs to one person: linked again it is the other's", async () => {
  await people.ensureOwner(settings)
  await addMember()
  await people.link(MEMBER_ID, "sms", "+15550001111", "+15550001111")
  expect(await people.find("sms", "+15550001111")).toMatchObject({ id: MEMBER_ID, role: "member" })
})

describe("home", () => {
  test.each<[string, ChannelId[], ChannelId]>([
    ["SMS first", ["web", "telegram", "sms"], "sms"],
    ["Telegram without SMS", ["web", "telegram"], "telegram"],
    ["the web when nothing else is set up", ["web"], "web"],
  ])("is %s", async (_rule, live, channel) => {
    await people.ensureOwner(settings)
    expect(await people.home(OWNER_ID, new Set(live))).toMatchObject({ channel })
  })

  test("passes over an address that said STOP, and comes back to it after START", async () => {
    await people.ensureOwner(settings)
    await people.optOut("sms", "+15550001111", true)
    expect(await people.home(OWNER_ID, all)).toMatchObject({ channel: "telegram", target: "42" })
    await people.optOut("sms", "+15550001111", false)
    expect(await people.home(OWNER_ID, all)).toMatchObject({ channel: "sms", target: "+15550001111" })
  })

  test("passes over a channel that the person has no address on", async () => {
    await people.ensureOwner({ telegramId: "42" })
    expect(await people.home(OWNER_ID, all)).toMatchObject({ channel: "telegram" })
  })

  test("makes the thread once", async () => {
    await people.ensureOwner(settings)
    const homes = await Promise.all(Array.from({ length: 10 }, () => people.home(OWNER_ID, all)))
    expect(new Set(homes.map((home) => home.threadId)).size).toBe(1)
    expect(await database.db.query(sql`select person_id as person, target from threads`)).toEqual([
      { person: OWNER_ID, target: "+15550001111" },
    ])
  })

  test("is the thread that the person last began there", async () => {
    await people.ensureOwner(settings)
    for (const [key, at] of [
      ["sms:+1:old", "2026-01-01"],
      ["sms:+2:new", "2026-02-01"],
    ] as const)
      await database.db.query(sql`
        insert into threads (id, channel, key, person_id, target, created_at)
        values (${idOf(key)}, 'sms', ${key}, ${OWNER_ID}, '+15550001111', ${at}::timestamptz)`)
    expect((await people.home(OWNER_ID, all)).threadId).toBe(idOf("sms:+2:new"))
  })

  test("of someone who can be reached nowhere is never the owner's own mailbox", async () => {
    await people.ensureOwner(settings)
    await addMember()
    const owners = await people.home(OWNER_ID, new Set(["web"]))
    const members = await people.home(MEMBER_ID, all)
    expect(members.threadId).not.toBe(owners.threadId)
    expect(
      await database.db.query(sql`select person_id as person from threads where id = ${members.threadId}`),
    ).toEqual([{ person: MEMBER_ID }])
  })
})

test("a name and a zone are the person's own", async () => {
  await people.ensureOwner({})
  await addMember()
  await people.setName(database.db, MEMBER_ID, "Kim")
  await people.setZone(database.db, MEMBER_ID, "Europe/Lisbon")
  expect(await people.get(MEMBER_ID)).toMatchObject({ name: "Kim", zone: "Europe/Lisbon" })
  expect(await people.get(OWNER_ID)).toMatchObject({ name: null, zone: null })
})
