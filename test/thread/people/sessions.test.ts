import { sql } from "drizzle-orm"
import { beforeAll, expect, test } from "vitest"
import { OWNER_ID } from "../../../src/thread/people/people.ts"
import { createSessions, type Sessions } from "../../../src/thread/people/sessions.ts"
import { ownSpine } from "../../support/own.ts"

const s = await ownSpine()
let sessions: Sessions
let now = new Date("2026-11-22T10:00:00Z")
let drawn = 0
beforeAll(async () => {
  const random = (bytes: number) => new Uint8Array(bytes).fill(++drawn)
  sessions = createSessions({ db: s.db, clock: { now: () => now }, random })
})

test("a link becomes one session of the owner's, which can be ended", async () => {
  const key = await sessions.mint()
  expect(await sessions.isLink(key)).toBe(true)
  const session = await sessions.redeem(key)
  expect(await sessions.redeem(key)).toBeNull()
  expect(await sessions.isLink(key)).toBe(false)
  expect(await sessions.find(session?.token ?? "")).toEqual({ personId: OWNER_ID })
  await sessions.end(session?.token ?? "")
  expect(await sessions.find(session?.token ?? "")).toBeNull()
})

test("a link is no session and a session no link", async () => {
  const key = await sessions.mint()
  expect(await sessions.find(key)).toBeNull()
  const session = await sessions.redeem(key)
  expect(await sessions.redeem(session?.token ?? "")).toBeNull()
})

test("old links are swept away when a new one is made", async () => {
  await sessions.mint()
  now = new Date(now.getTime() + 2 * 86_400_000)
  await sessions.mint()
  expect(await s.db.query(sql`select 1 from sessions where kind = 'link'`)).toHaveLength(1)
})

test("an installation is owned once a link was used, or the owner has an address on a channel", async () => {
  expect(await sessions.isOwned()).toBe(true)
  await s.db.query(sql`delete from addresses where channel <> 'web'`)
  expect(await sessions.isOwned()).toBe(true)
  await s.db.query(sql`delete from sessions`)
  expect(await sessions.isOwned()).toBe(false)
  await s.people.link(OWNER_ID, "telegram", "42", "42")
  expect(await sessions.isOwned()).toBe(true)
})
