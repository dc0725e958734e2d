import { sql } from "drizzle-orm"
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest"
import { idOf, newId } from "../../../src/base/ids.ts"
import { postNotice } from "../../../src/thread/outbox/outbox.ts"
import { type House, house, sending } from "../everything.ts"

let h: House
beforeAll(async () => {
  h = await house()
})
afterAll(() => h.stop())
beforeEach(() => h.s.db.raw("delete from outbox"))

/** Handed to the sender at once, which has no Telegram here. */
const TAKEN = { state: "failed", attempts: 1, code: "not_mounted" }

/** A Telegram message of which nobody knows whether it arrived; its id. */
async function doubtful(text: string): Promise<string> {
  const key = `telegram:${newId()}`
  const threadId = idOf(key)
  const now = new Date()
  await h.s.db.query(
    sql`insert into threads (id, channel, key, target, created_at) values (${threadId}, 'telegram', ${key}, '4242', ${now})`,
  )
  await postNotice(h.s.db, { threadId, dedupeKey: newId(), text, now })
  const [row] = await h.s.db.query<{ id: string }>(sql`
    update outbox set state = 'uncertain', attempts = 2, error = '{"code":"unknown_outcome","message":"the answer was lost"}'
    where thread_id = ${threadId} returning id`)
  return row?.id ?? ""
}
const row = async (id: string) =>
  (await h.s.db.query(sql`select state, attempts, error ->> 'code' as code from outbox where id = ${id}::uuid`))[0]

test("a message in doubt is listed with its words and why, and each word of the owner's has its end", async () => {
  const ids = [await doubtful("one"), await doubtful("two"), await doubtful("three")]
  expect(await (await h.ask("/api/v1/doubts")).json()).toMatchObject({
    doubts: ["one", "two", "three"].map((text) => ({ text, channel: "telegram", reason: "the answer was lost" })),
  })
  const answers = ["yes", "again", "no"].map((verdict, n) => h.ask(`/api/v1/doubts/${ids[n]}`, sending({ verdict })))
  expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200, 200])
  await expect.poll(() => row(ids[1] ?? "")).toEqual(TAKEN)
  expect(await Promise.all(ids.map(row))).toEqual([
    { state: "sent", attempts: 2, code: null },
    TAKEN,
    { state: "failed", attempts: 2, code: "left" },
  ])
  expect((await h.ask(`/api/v1/doubts/${ids[0]}`, sending({ verdict: "again" }))).status).toBe(404)
  expect((await h.ask(`/api/v1/doubts/${ids[0]}`, sending({ verdict: "perhaps" }))).status).toBe(400)
})

test("the page asks the owner, with the words escaped, and takes the answer", async () => {
  const id = await doubtful("is <b>this</b> there?")
  const headers = { cookie: await h.cookie(), "sec-fetch-site": "same-origin" }
  const page = await (await fetch(`${h.url}/`, { headers })).text()
  expect(page).toContain("Did this arrive by telegram?")
  expect(page).toContain("is &#60;b&#62;this&#60;/b&#62; there?")
  const body = new URLSearchParams({ verdict: "again" })
  const answer = await fetch(`${h.url}/doubts/${id}`, { method: "POST", headers, body, redirect: "manual" })
  expect(answer.status).toBe(303)
  await expect.poll(() => row(id)).toEqual(TAKEN)
  expect(await (await fetch(`${h.url}/`, { headers })).text()).toContain("Nothing waits for you.")
})

test("strangers neither see nor settle a doubt", async () => {
  const id = await doubtful("one")
  expect((await fetch(`${h.url}/api/v1/doubts`)).status).toBe(401)
  expect((await fetch(`${h.url}/api/v1/doubts/${id}`, sending({ verdict: "no" }))).status).toBe(401)
  expect(
    (await fetch(`${h.url}/doubts/${id}`, { method: "POST", body: new URLSearchParams({ verdict: "no" }) })).status,
  ).toBe(401)
  expect(await row(id)).toMatchObject({ state: "uncertain" })
})
