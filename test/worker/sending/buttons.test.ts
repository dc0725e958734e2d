import { sql } from "drizzle-orm"
import { beforeEach, describe, expect, test } from "vitest"
import { Reject, Retry } from "../../../src/base/errors.ts"
import { newId } from "../../../src/base/ids.ts"
import { silentLog } from "../../../src/base/log.ts"
import { postNotice } from "../../../src/thread/outbox/outbox.ts"
import { type CloseApproval, createButtonClearing } from "../../../src/worker/sending/buttons.ts"
import { ownSpine } from "../../support/own.ts"
import { movableClock } from "../../support/schedule.ts"
import { working } from "../../support/work.ts"

const clock = movableClock("2026-11-22T12:00:00Z")
const s = await ownSpine({ now: clock.now })
let removed: string[]
let said: string[]
let next: (() => Error)[]
let chore: () => Promise<void>
beforeEach(async () => {
  await s.db.raw("delete from outbox")
  await s.db.raw("delete from approvals")
  removed = []
  said = []
  next = []
  const close: CloseApproval = async ({ target, providerId }, text) => {
    const error = next.shift()?.()
    if (error) throw error
    removed.push(`${target} ${providerId}`)
    said.push(text)
  }
  const closers = new Map([["telegram", close] as const])
  chore = createButtonClearing({ db: s.db, clock, log: silentLog, closers, defaultZone: "Europe/Lisbon" })
})

/** An approval in Telegram, beside another message of its run. Its message was sent as `providerId` when that is given. */
async function approval(
  state: string,
  providerId?: string,
): Promise<{ waitId: string; outboxState(): Promise<string> }> {
  const w = await working(s, "hello", { channel: "telegram", threadKey: `telegram:${newId()}`, target: "42" })
  const waitId = newId()
  await s.db.query(sql`insert into approvals (id, run_id, thread_id, step, kind, code, tool, args, args_hash, display, asked_of, state, created_at, expires_at)
    values (${waitId}, ${w.runId}, ${w.threadId}, 1, 'approval', ${waitId.slice(-4)}, 't', '{}', '', 'd', (select id from people limit 1), ${state}, now(), now())`)
  const say = async (id: string | undefined, about: { approvalId?: string }) => {
    const dedupeKey = newId()
    const post = { threadId: w.threadId, runId: w.runId, dedupeKey, text: "K7?", now: clock.now() }
    await postNotice(s.db, { ...post, ...about })
    if (id) await s.db.query(sql`update outbox set state = 'sent', provider_id = ${id} where dedupe_key = ${dedupeKey}`)
  }
  await say("other", {})
  await say(providerId, { approvalId: waitId })
  const outboxState = async () =>
    (await s.db.query<{ state: string }>(sql`select state from outbox where approval_id = ${waitId}`))[0]?.state ?? ""
  return { waitId, outboxState }
}

test.each(["approved", "denied", "expired", "redo", "cancelled"])(
  "the message of an approval that was %s loses its buttons once",
  async (state) => {
    await approval(state, "7")
    await chore()
    await chore()
    expect(removed).toEqual(["42 7"])
  },
)

describe("the new text of the message says", () => {
  const decide = async (
    waitId: string,
    over: { via?: string; kind?: string; name?: string | null; zone?: string | null },
  ) => {
    const { via = "telegram", kind = "approval", name = "Ana", zone = null } = over
    await s.db.query(sql`update people set name = ${name}, zone = ${zone}`)
    await s.db.query(
      sql`update approvals set answered_by = asked_of, answered_via = ${via}, kind = ${kind}, answered_at = '2026-11-22T09:14:00Z' where id = ${waitId}`,
    )
    await chore()
    return said
  }

  test("who decided, and when", async () => {
    expect(await decide((await approval("approved", "7")).waitId, {})).toEqual(["K7?\n\n**Approved by Ana, 9:14 AM**"])
  })

  test("the time on the person's own clock, and the channel when the answer came on another", async () => {
    const decided = decide((await approval("denied", "7")).waitId, { via: "sms", zone: "America/New_York" })
    expect(await decided).toEqual(["K7?\n\n**Denied by Ana, 4:14 AM, by SMS**"])
  })

  test("no name when the person has none", async () => {
    expect(await decide((await approval("changed", "7")).waitId, { name: null })).toEqual([
      "K7?\n\n**Not done; answered in words, 9:14 AM**",
    ])
  })

  test("other words when the approval was about a call of unknown outcome", async () => {
    const decided = decide((await approval("approved", "7")).waitId, { kind: "uncertain" })
    expect(await decided).toEqual(["K7?\n\n**Confirmed by Ana, 9:14 AM**"])
  })

  test.each([
    ["expired", "Expired, so nothing was done"],
    ["cancelled", "Withdrawn, as it was decided elsewhere"],
  ])("that the approval is %s", async (state, words) => {
    await approval(state, "7")
    await chore()
    expect(said).toEqual([`K7?\n\n**${words}**`])
  })
})

test("the message of an open approval keeps its buttons", async () => {
  await approval("open", "7")
  await chore()
  expect(removed).toEqual([])
})

test("a message that was never sent is taken out of the outbox", async () => {
  const { outboxState } = await approval("denied")
  await chore()
  expect(await outboxState()).toBe("failed")
  expect(removed).toEqual([])
})

test("a message on a channel that is away is tried again after a minute, and holds up no other", async () => {
  await approval("approved", "7")
  await approval("approved", "8")
  next = [() => new Retry("away")]
  await chore()
  await chore()
  expect(removed).toEqual(["42 8"])
  clock.pass(60_000)
  await chore()
  expect(removed).toEqual(["42 8", "42 7"])
})

test("a message that the channel refuses to change is not tried again", async () => {
  await approval("approved", "7")
  next = [() => new Reject(403, "blocked")]
  await chore()
  await chore()
  expect(removed).toEqual([])
  expect(next).toEqual([])
})
