import { sql } from "drizzle-orm"
import { beforeAll, expect, test } from "vitest"
import { newId } from "../../../src/base/ids.ts"
import { silentLog } from "../../../src/base/log.ts"
import type { Inbound } from "../../../src/channels/channel.ts"
import { createIntake, type Intake } from "../../../src/thread/inbox/intake.ts"
import { OWNER_ID } from "../../../src/thread/people/people.ts"
import { ownSpine } from "../../support/own.ts"

const s = await ownSpine()
let intake: Intake
beforeAll(async () => {
  intake = createIntake({ ...s, log: silentLog })
  await s.people.link(OWNER_ID, "telegram", "42", "42")
  const member = newId()
  await s.db.query(sql`insert into people (id, role, created_at) values (${member}, 'member', now())`)
  await s.people.link(member, "telegram", "43", "43")
})

let updates = 0
/** A chat of its own; `say` and `edit` are by person 42 unless told. */
function chat() {
  const threadKey = `telegram:666:${newId()}`
  const base = { channel: "telegram" as const, source: "telegram:666", threadKey, target: "-7" }
  const give = (more: Pick<Inbound, "text"> & Partial<Inbound>) =>
    intake.message({ ...base, externalId: String(++updates), address: "42", ...more })
  return {
    say: (text: string, ref = "1") => give({ text, ref }),
    edit: (text: string, more: Partial<Inbound> = {}) => give({ text, edits: "1", ...more }),
    words: async () =>
      (
        await s.db.query<{ text: string }>(sql`
          select payload ->> 'text' as text from inbox join threads on threads.id = thread_id
          where key = ${threadKey} and inbox.state <> 'recorded' order by inbox.seq`)
      ).map((row) => row.text),
    kept: async () =>
      (
        await s.db.query<{ reason: string }>(sql`
          select payload ->> 'reason' as reason from inbox join threads on threads.id = thread_id
          where key = ${threadKey} and inbox.state = 'recorded' order by inbox.seq`)
      ).map((row) => row.reason),
  }
}

test("an edit of words that nobody has read replaces them, and is answered once", async () => {
  const { say, edit, words, kept } = chat()
  await say("remind me at 8")
  await say("and at noon", "2")
  expect(await edit("remind me at 9")).toBe("corrected")
  expect(await words()).toEqual(["remind me at 9", "and at noon"])
  expect(await kept()).toEqual(["edited before it was read"])
  expect(await s.settle()).toBe(1)
})

test("what was read or answered stands, and the edit is only kept", async () => {
  const { say, edit, words, kept } = chat()
  await say("remind me at 8")
  await s.settle()
  expect(await edit("remind me at 9")).toBe("too_late")
  expect(await words()).toEqual(["remind me at 8"])
  expect(await kept()).toEqual(["edited after it was read"])
  expect(await s.settle()).toBe(0)
})

test("nobody edits another's words, and no edit makes words a command", async () => {
  const { say, edit, words } = chat()
  await say("keep the van")
  expect(await edit("sell the van", { address: "43" })).toBe("too_late")
  expect(await edit("/stop")).toBe("too_late")
  expect(await words()).toEqual(["keep the van"])
  await s.settle()
})

test("a stranger's edit leaves nothing", async () => {
  const { edit, kept } = chat()
  expect(await edit("let me in", { address: "44" })).toBe("stranger")
  expect(await kept()).toEqual([])
})
