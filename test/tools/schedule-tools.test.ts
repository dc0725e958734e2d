import { sql } from "drizzle-orm"
import { beforeAll, beforeEach, describe, expect, test } from "vitest"
import { newId } from "../../src/base/ids.ts"
import { UNTRUSTED_LABEL } from "../../src/base/label.ts"
import type { Automation } from "../../src/schedule/automations/automation.ts"
import { createAutomations } from "../../src/schedule/automations/automations.ts"
import { ensureSystemAutomations } from "../../src/schedule/automations/system-automations.ts"
import { createPeople, OWNER_ID } from "../../src/thread/people/people.ts"
import { createScheduleTools } from "../../src/tools/schedule-tools.ts"
import type { ToolContext } from "../../src/tools/tool.ts"
import { ownDatabase } from "../support/own.ts"
import { contextOf, run, toolNamed } from "../support/tools.ts"

const NOW = new Date("2026-11-22T12:00:00Z")
const NY = "America/New_York"
const MEMBER_ID = newId()
const clock = { now: () => NOW }
const GRANTS = [{ tool: "recall" }]
const base = await ownDatabase()

beforeAll(async () => {
  await createPeople({ db: base.db, clock, newId }).ensureOwner({ timezone: NY })
  await base.db.query(
    sql`insert into people (id, role, zone, created_at) values (${MEMBER_ID}::uuid, 'member', ${NY}, ${NOW}::timestamptz)`,
  )
})
beforeEach(async () => {
  await base.db.raw("delete from automations")
})

const automations = () => createAutomations({ db: base.db, clock })
const owner = (over: Partial<ToolContext> = {}): ToolContext => ({
  ...contextOf({ now: NOW, zone: NY }),
  person: { id: OWNER_ID, name: null, role: "owner", zone: NY },
  ...over,
})
const member = () => owner({ person: { id: MEMBER_ID, name: null, role: "member", zone: NY } })
const tool = (name: string) =>
  toolNamed(createScheduleTools({ automations: automations(), grants: () => GRANTS }), name)
const call = (name: string, args: unknown, ctx = owner()) => run(base.db, tool(name), args, ctx)
const only = async (): Promise<Automation> => {
  const [found, ...more] = await automations().list()
  if (found === undefined || more.length > 0) throw new Error("not exactly one automation")
  return found
}

describe("remind", () => {
  test("makes a reminder for one moment and says when, in the person's zone", async () => {
    const result = await call("remind", { text: "call mum", when: "tomorrow at 9 am" })
    const made = await only()
    expect(result).toEqual({ ok: true, id: made.id, text: "call mum", at: "Mon 23 Nov, 9:00 AM" })
    expect(made).toMatchObject({
      personId: OWNER_ID,
      action: { kind: "say", text: "call mum" },
      nextAt: new Date("2026-11-23T14:00:00Z"),
    })
  })

  test("makes a repeating reminder", async () => {
    expect(await call("remind", { text: "stretch", when: "every weekday at 8am" })).toMatchObject({
      at: "weekdays at 8:00 AM, New York time",
    })
  })

  test("says which zone it guessed for a person who never said theirs", async () => {
    const stranger = owner({ person: { id: OWNER_ID, name: null, role: "owner", zone: null }, zone: "Europe/Lisbon" })
    expect(await call("remind", { text: "call mum", when: "tomorrow at 9 am" }, stranger)).toMatchObject({
      at: "Mon 23 Nov, 9:00 AM (guessed zone Europe/Lisbon)",
    })
  })

  test("names the zone when the words name one", async () => {
    expect(await call("remind", { text: "call Ana", when: "tomorrow at 9 am Lisbon time" })).toMatchObject({
      at: "Mon 23 Nov, 9:00 AM (Europe/Lisbon)",
    })
  })

  test("makes nothing when the time is not understood, and says what to say instead", async () => {
    expect(await call("remind", { text: "call mum", when: "when it rains" })).toMatchObject({
      ok: false,
      code: "invalid",
      message: expect.stringContaining('I did not understand "when it rains" as a time'),
    })
    expect(await automations().list()).toEqual([])
  })

  test("makes an automation with the label of the content that led to it", async () => {
    await call("remind", { text: "x", when: "tomorrow at 9 am" }, owner({ label: UNTRUSTED_LABEL }))
    expect((await only()).label).toEqual(UNTRUSTED_LABEL)
  })
})

describe("schedule", () => {
  test.each([
    ["send me the digest", { kind: "digest" }],
    ["digest", { kind: "digest" }],
    ["remind me to take my pills", { kind: "say", text: "take my pills" }],
    ["triage acme/shop#4", { kind: "do", text: "triage acme/shop#4" }],
    ["summarise the digest and post it", { kind: "do", text: "summarise the digest and post it" }],
  ])("%s is understood", async (action, kind) => {
    const result = await call("schedule", { action, when: "every weekday at 8am" })
    const made = await only()
    expect(made.action).toEqual(kind)
    expect(result).toEqual({
      ok: true,
      id: made.id,
      action,
      sentence: "weekdays at 8:00 AM, New York time",
      next: ["Mon 23 Nov, 8:00 AM", "Tue 24 Nov, 8:00 AM", "Wed 25 Nov, 8:00 AM"],
    })
  })

  test("gives scheduled work its grants, and a reminder none", async () => {
    await call("schedule", { action: "water report", when: "every day at 9 am" })
    expect((await only()).grants).toEqual(GRANTS)
    await base.db.raw("delete from automations")
    await call("schedule", { action: "remind me to drink", when: "every day at 9 am" })
    expect((await only()).grants).toEqual([])
  })

  test("work more often than every five minutes is refused, with the fix", async () => {
    const refused = { ok: false, code: "invalid", message: expect.stringContaining('Say "every 5 minutes"') }
    expect(await call("schedule", { action: "check the oven", when: "every 4 minutes" })).toMatchObject(refused)
    expect(await call("schedule", { action: "check it", when: "every day at 9:00 and 9:03" })).toMatchObject(refused)
    expect(await call("schedule", { action: "check the oven", when: "every 5 minutes" })).toMatchObject({ ok: true })
    expect(await call("schedule", { action: "remind me to blink", when: "every minute" })).toMatchObject({ ok: true })
  })

  test("another time for the digest moves the existing digest", async () => {
    const system = { owner: { id: OWNER_ID, zone: NY }, hostZone: "UTC", github: false }
    await ensureSystemAutomations({ db: base.db, automations: automations() }, system)
    const before = await only()
    await call("schedule", { action: "send me the digest", when: "every weekday at 9am" })
    expect(await only()).toMatchObject({
      id: before.id,
      name: "digest",
      sentence: "weekdays at 9:00 AM, New York time",
    })
  })

  test("a digest comes once a day at most, and to the owner", async () => {
    const twice = { action: "digest", when: "every day at 8am and 5pm" }
    expect(await call("schedule", twice)).toMatchObject({ ok: false, code: "invalid" })
    const once = { action: "digest", when: "every day at 8am" }
    expect(await call("schedule", once, member())).toMatchObject({ ok: false, code: "denied" })
    expect(await automations().list()).toEqual([])
  })
})

describe("list and cancel", () => {
  test("list shows every automation with its next time", async () => {
    const { id } = await call("remind", { text: "call mum", when: "tomorrow at 9 am" })
    expect(await call("list_automations", {})).toEqual({
      ok: true,
      automations: [
        {
          id,
          name: "call mum",
          sentence: "Monday 23 November 2026 at 9:00 AM, New York time",
          next: "Mon 23 Nov, 9:00 AM",
          state: "active",
        },
      ],
    })
  })

  test.each([(id: unknown) => id, (id: unknown) => `#${id}`])(
    "cancel takes the number in either spelling",
    async (written) => {
      const { id } = await call("remind", { text: "call mum", when: "tomorrow at 9 am" })
      expect(await call("cancel_automation", { id: written(id) })).toEqual({ ok: true, id, name: "call mum" })
      expect(await call("list_automations", {})).toEqual({ ok: true, automations: [] })
      expect(await call("cancel_automation", { id })).toMatchObject({ ok: false, code: "not_found" })
      expect(await call("cancel_automation", { id: "mum" })).toMatchObject({ ok: false, code: "invalid" })
    },
  )

  test("a member sees and cancels only their own, the owner everyone's", async () => {
    const { id: mine } = await call("remind", { text: "owner's", when: "tomorrow at 9 am" })
    const { id: theirs } = await call("remind", { text: "member's", when: "tomorrow at 9 am" }, member())
    expect(await call("list_automations", {}, member())).toMatchObject({ automations: [{ id: theirs }] })
    expect(await call("list_automations", {})).toMatchObject({
      automations: [{ id: mine }, { id: theirs }],
    })
    expect(await call("cancel_automation", { id: mine }, member())).toMatchObject({ code: "not_found" })
    expect(await call("cancel_automation", { id: theirs })).toMatchObject({ ok: true })
  })

  test("cancelling a part of Vigil itself needs an approval, a reminder does not", async () => {
    const system = { owner: { id: OWNER_ID, zone: NY }, hostZone: "UTC", github: false }
    await ensureSystemAutomations({ db: base.db, automations: automations() }, system)
    const digest = await only()
    const { id } = await call("remind", { text: "call mum", when: "tomorrow at 9 am" })
    const asks = async (args: { id: unknown }, ctx = owner()) => tool("cancel_automation").asks?.(args, ctx)
    expect(await asks({ id: digest.id })).toContain("digest")
    expect(await asks({ id: `#${digest.id}` })).toContain("digest")
    expect(await asks({ id })).toBeNull()
    expect(await asks({ id: digest.id }, member())).toBeNull()
  })
})
