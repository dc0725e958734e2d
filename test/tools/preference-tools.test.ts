import { sql } from "drizzle-orm"
import { beforeEach, describe, expect, test } from "vitest"
import { newId } from "../../src/base/ids.ts"
import { createKv } from "../../src/db/kv.ts"
import { createMemory } from "../../src/memory/store.ts"
import { localTime, zoneOf } from "../../src/schedule/recurrence/zone.ts"
import { createPeople, OWNER_ID } from "../../src/thread/people/people.ts"
import { preferenceTools } from "../../src/tools/preference-tools.ts"
import { ownDatabase } from "../support/own.ts"
import { contextOf, run, toolNamed } from "../support/tools.ts"

const NOW = new Date("2026-03-01T10:00:00Z")
const SCOPE = `person:${OWNER_ID}`
const clock = { now: () => NOW }
const base = await ownDatabase()
beforeEach(async () => {
  await base.db.query(sql`delete from memories`)
  await base.db.query(sql`delete from kv`)
  await people().ensureOwner({})
})

const people = () => createPeople({ db: base.db, clock, newId })
const kv = () => createKv({ db: base.db, clock })
const memory = () => createMemory({ db: base.db, queue: { send: async () => {} }, clock })
const call = (name: string, args: unknown, zone = "Europe/Berlin") => {
  const tools = preferenceTools({ people: people(), kv: kv(), memory: memory(), zoneOf, localTime })
  return run(base.db, toolNamed(tools, name), args, contextOf({ now: NOW, personId: OWNER_ID, zone }))
}
const set = (key: string, value: string) => call("set_preference", { key, value })
const pinned = async () => (await memory().pinned([SCOPE])).map((m) => m.text)

describe("set_preference", () => {
  test.each(["timezone", "Time zone", "tz"])("%s sets the person's zone, from an IANA name or a city", async (key) => {
    expect(await set(key, "new york")).toEqual({
      ok: true,
      key: "timezone",
      value: "America/New_York",
      local: "Sun 1 Mar, 5:00 AM",
    })
    expect((await people().get(OWNER_ID))?.zone).toBe("America/New_York")
    expect(await pinned()).toEqual([])
  })

  test("a zone that does not exist is refused and changes nothing", async () => {
    await set("timezone", "Asia/Tokyo")
    expect(await set("timezone", "Mars/Olympus")).toMatchObject({ ok: false, code: "invalid" })
    expect((await people().get(OWNER_ID))?.zone).toBe("Asia/Tokyo")
  })

  test("name sets the person's name", async () => {
    expect(await set("Name", "Imani")).toEqual({ ok: true, key: "name", value: "Imani" })
    expect((await people().get(OWNER_ID))?.name).toBe("Imani")
    expect(await set("name", "x".repeat(81))).toMatchObject({ ok: false, code: "invalid" })
  })

  test("any other preference is stored for code, and as a pinned memory for the model", async () => {
    const done = await set("Digest time", "7:30")
    expect(done).toEqual({ ok: true, key: "digest_time", value: "7:30", memory: expect.any(Number) })
    expect((await kv().get(SCOPE, "digest_time"))?.value).toBe("7:30")
    expect(await pinned()).toEqual(["digest time: 7:30"])
  })

  test("a new value replaces the old one however the key is spelled, and other keys stay", async () => {
    const first = await set("language", "French")
    await set("tone", "short")
    const second = await set("Language", "Dutch")
    expect(await pinned()).toEqual(["language: Dutch", "tone: short"])
    expect(await memory().get(SCOPE, Number(first.memory))).toMatchObject({
      supersededBy: second.memory,
      validTo: NOW,
    })
  })

  test("a preference that was forgotten can be set again", async () => {
    const first = await set("language", "French")
    await base.db.transaction((tx) => memory().forget(tx, SCOPE, [Number(first.memory)], NOW))
    await set("language", "French")
    expect(await pinned()).toEqual(["language: French"])
  })

  test.each([
    [{ key: "", value: "x" }],
    [{ key: "a/b", value: "x" }],
    [{ key: "tone", value: " " }],
    [{ key: "tone" }],
  ])("refuses %j", (args) => {
    const [tool] = preferenceTools({ people: people(), kv: kv(), memory: memory(), zoneOf, localTime })
    expect(tool?.input.safeParse(args).success).toBe(false)
  })
})

test("now is the present time in UTC and in the person's zone", async () => {
  expect(await call("now", {}, "Asia/Kolkata")).toEqual({
    ok: true,
    now: "2026-03-01T10:00:00.000Z",
    local: "Sun 1 Mar, 3:30 PM",
    zone: "Asia/Kolkata",
  })
})
