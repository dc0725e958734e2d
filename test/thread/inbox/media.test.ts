/** Files that people sent: once each, for a while, and never more than their share. */
import { sql } from "drizzle-orm"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { newId } from "../../../src/base/ids.ts"
import {
  createMediaStore,
  hashIn,
  KEEP_BYTES,
  KEEP_DAYS,
  refTo,
  rewriteMessage,
} from "../../../src/thread/inbox/media.ts"
import { testDatabase } from "../../support/database.ts"
import { jpeg } from "../../support/files.ts"
import { spine, text } from "../../support/spine.ts"

const DAY = 86_400_000
let base: Awaited<ReturnType<typeof testDatabase>>
let now: Date
const clock = { now: () => now }

beforeAll(async () => {
  base = await testDatabase()
})
afterAll(() => base.drop())
beforeEach(async () => {
  now = new Date("2026-11-22T12:00:00Z")
  await base.db.raw("delete from media")
})

const hashes = async () =>
  (await base.db.query<{ sha256: string }>(sql`select sha256 from media order by kept_at`)).map((row) => row.sha256)

test("what is kept comes back byte for byte, by the hash of its bytes", async () => {
  const store = createMediaStore({ db: base.db, clock })
  const all = new Uint8Array(256).map((_, value) => value)
  const kept = await store.keep({ bytes: all, type: "image/png", inboxId: newId() })
  expect(kept).toEqual({
    hash: "40aff2e9d2d8922e47afd4648e6967497158785fbd1da870e7110266bf944880",
    type: "image/png",
    size: 256,
  })
  const loaded = await store.load(kept.hash)
  expect(loaded?.type).toBe("image/png")
  expect(Buffer.from(loaded?.bytes ?? [])).toEqual(Buffer.from(all))
  expect(await store.load("0".repeat(64))).toBeNull()
})

test("the same file is kept once, by several at the same time too, and its time starts anew", async () => {
  const store = createMediaStore({ db: base.db, clock })
  await Promise.all(Array.from({ length: 5 }, () => store.keep({ bytes: jpeg(), type: "image/jpeg" })))
  now = new Date(now.getTime() + (KEEP_DAYS - 1) * DAY)
  await store.keep({ bytes: jpeg(), type: "image/jpeg", inboxId: newId() })
  now = new Date(now.getTime() + 2 * DAY)
  await store.sweep()
  expect((await hashes()).length).toBe(1)
})

describe("dropping", () => {
  test(`takes what is older than ${KEEP_DAYS} days and nothing younger, and looks once an hour`, async () => {
    const store = createMediaStore({ db: base.db, clock })
    await store.keep({ bytes: jpeg(10), type: "image/jpeg" })
    now = new Date(now.getTime() + DAY)
    const young = await store.keep({ bytes: jpeg(20), type: "image/jpeg" })
    now = new Date(now.getTime() + KEEP_DAYS * DAY - DAY)
    await store.sweep()
    expect((await hashes()).length).toBe(2)
    now = new Date(now.getTime() + 60_000)
    await store.sweep()
    expect((await hashes()).length).toBe(2)
    now = new Date(now.getTime() + 3_600_000)
    await store.sweep()
    expect(await hashes()).toEqual([young.hash])
  })

  test("takes the oldest when all together are too large", async () => {
    const store = createMediaStore({ db: base.db, clock })
    const kept: string[] = []
    for (const size of [10, 20, 30]) {
      kept.push((await store.keep({ bytes: jpeg(size), type: "image/jpeg" })).hash)
      now = new Date(now.getTime() + 1000)
    }
    // Sizes as they would be, without the bytes.
    await base.db.query(sql`update media set size = ${Math.floor(KEEP_BYTES / 2)}::int`)
    await store.sweep()
    expect(await hashes()).toEqual(kept.slice(1))
  })
})

test("a reference to a kept file is told from a channel's own", () => {
  const hash = "a".repeat(64)
  expect(hashIn(refTo(hash))).toBe(hash)
  expect(["AgACAgQ", `kept:${hash}0`, `x kept:${hash}`, "/2010-04-01/x"].map(hashIn)).toEqual([null, null, null, null])
})

test("a message is told anew by who holds its thread, and by nobody else", async () => {
  const s = await spine({ db: base.db })
  const { id, threadId } = await s.inbox.accept(text("[voice note]", { threadKey: `web:${newId()}` }))
  const claim = await s.leases.claim(threadId)
  if (!claim) throw new Error("nothing to claim")
  const told = async () =>
    (await base.db.query<{ text: string }>(sql`select payload ->> 'text' as text from inbox where id = ${id}`))[0]?.text
  await rewriteMessage(base.db, { ...claim.fence, epoch: claim.fence.epoch - 1 }, id, "stale")
  expect(await told()).toBe("[voice note]")
  await rewriteMessage(base.db, claim.fence, id, 'voice note: "hi"')
  expect(await told()).toBe('voice note: "hi"')
})
