import { sql } from "drizzle-orm"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { newId } from "../../../src/base/ids.ts"
import { type Label, OWNER_LABEL, UNTRUSTED_LABEL } from "../../../src/base/label.ts"
import type { NewMemory } from "../../../src/memory/memory.ts"
import { personScope } from "../../../src/memory/scope.ts"
import { OWNER_ID } from "../../../src/thread/people/people.ts"
import { findRun, listRuns } from "../../../src/thread/runs/trace.ts"
import { type TestDatabase, testDatabase } from "../../support/database.ts"
import { says, talking } from "../../support/talk.ts"

let now = new Date("2026-11-22T12:00:00Z")
let database: TestDatabase
let t: Awaited<ReturnType<typeof talking>>
beforeAll(async () => {
  database = await testDatabase()
  t = await talking(database.db, { now: () => now })
})
afterAll(async () => {
  await t.s.stop()
  await database.drop()
})
beforeEach(async () => {
  t.model.asked = []
  t.model.next = []
  now = new Date("2026-11-22T12:00:00Z")
  await database.db.raw("update memories set retracted_at = now() where retracted_at is null")
})

/** Each next message comes a minute later. */
const pass = (minutes = 1) => {
  now = new Date(now.getTime() + minutes * 60_000)
}
const remember = (text: string, over: Partial<NewMemory> = {}) =>
  t.memory.remember(database.db, {
    scope: personScope(OWNER_ID),
    kind: "fact",
    text,
    label: OWNER_LABEL,
    sources: {},
    ...over,
  })
const asked = () => {
  const last = t.model.asked.at(-1)
  if (!last) throw new Error("the model was not asked")
  return last
}
const texts = () => asked().messages.map((message) => `${message.role}: ${message.text}`)
/** The context as the last run's trace holds it. */
async function traced() {
  const [last] = await listRuns(database.db, { limit: 1 })
  const context = last && (await findRun(database.db, last.id))?.context
  if (!context) throw new Error("the run's trace has no context")
  return context
}
async function labelOf(threadId: string): Promise<Label | undefined> {
  const [row] = await database.db.query<{ label: Label }>(
    sql`select label from runs where thread_id = ${threadId} order by started_at desc limit 1`,
  )
  return row?.label
}

describe("the history", () => {
  test("is what both sides said, oldest first, and last what is answered now", async () => {
    const { say } = t.talk()
    t.model.next = [says("a"), says("b"), says("c")]
    for (const words of ["one", "two", "three"]) {
      await say(words)
      pass()
    }
    expect(texts()).toEqual(["user: one", "assistant: a", "user: two", "assistant: b", "user: three"])
  })

  test("is of this conversation alone", async () => {
    await t.talk().say("elsewhere")
    pass()
    await t.talk().say("here")
    expect(texts()).toEqual(["user: here"])
  })

  test("holds what failed to be answered, and that it was told", async () => {
    const { say } = t.talk()
    t.model.next = [() => Promise.reject(new TypeError("a fault"))]
    await say("one")
    for (let tries = 0; tries < 2; tries++) {
      t.model.next = [() => Promise.reject(new TypeError("a fault"))]
      await database.db.raw("update threads set ready_at = now() where ready_at is not null")
      await t.s.settle()
    }
    pass()
    await say("two")
    expect(texts()).toEqual(["user: one", expect.stringMatching(/^assistant: I could not answer/), "user: two"])
  })

  test("of a long conversation keeps the newest within its budget", async () => {
    const { say } = t.talk()
    const long = (n: number) => `${n} ${"word ".repeat(500)}`
    for (let n = 1; n <= 8; n++) {
      await say(long(n))
      pass()
    }
    const kept = asked().messages.map((message) => Number.parseInt(message.text ?? "", 10))
    const numbers = kept.filter((n) => !Number.isNaN(n))
    expect(numbers.at(-1)).toBe(8)
    expect(numbers.length).toBeLessThan(8)
    expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, i) => 8 - numbers.length + 1 + i))
    const { sections } = await traced()
    expect(sections.find((section) => section.name === "history")?.tokens).toBeLessThanOrEqual(3000)
  })

  test("that is one enormous message is left out, and the new message is still answered", async () => {
    const { say } = t.talk()
    await say("word ".repeat(20_000))
    pass()
    expect(await say("short")).toEqual(["fine"])
    expect(texts()).toEqual(["assistant: fine", "user: short"])
  })
})

describe("what is known about the person", () => {
  test("stands in the profile when it is pinned, whatever is said", async () => {
    await remember("language: Portuguese", { pinned: true })
    await t.talk().say("zzz")
    expect(asked().system).toContain("About the person:\n- language: Portuguese")
  })

  test("stands in the profile with their name", async () => {
    await t.s.people.setName(database.db, OWNER_ID, "Kim")
    await t.talk().say("hi")
    expect(asked().system).toContain("- The person's name is Kim.")
    await database.db.raw("update people set name = null")
  })

  test("is recalled when it fits, with its number, and is in the trace with its score", async () => {
    const { id } = await remember("The cat is called Mia")
    await t.talk().say("what is the cat called?")
    expect(asked().volatile).toContain(`[${id}] The cat is called Mia (recorded `)
    expect((await traced()).recalled).toEqual([{ id, text: "The cat is called Mia", score: expect.closeTo(1, 0) }])
  })

  test("is not told when it does not fit", async () => {
    await remember("The cat is called Mia")
    await t.talk().say("book a dentist")
    expect(asked().volatile).not.toContain("Mia")
  })

  test("is never another person's", async () => {
    await remember("The cat is called Mia", { scope: personScope(newId()) })
    await remember("language: Portuguese", { scope: personScope(newId()), pinned: true })
    await t.talk().say("what is the cat called?")
    expect(JSON.stringify(asked())).not.toMatch(/Mia|Portuguese/)
  })

  test("lowers the run's label when it came from less trusted content", async () => {
    await remember("The cat is called Mia", { label: UNTRUSTED_LABEL })
    const { say, id } = t.talk()
    await say("what is the cat called?")
    expect(await labelOf(id())).toEqual({ integrity: "untrusted", confidentiality: "private" })
  })

  test("raises nothing when it is trusted more than who asks", async () => {
    await remember("The cat is called Mia")
    const { say, id } = t.talk({ label: { integrity: "collaborator", confidentiality: "public" } })
    await say("what is the cat called?")
    expect(await labelOf(id())).toEqual({ integrity: "collaborator", confidentiality: "private" })
  })
})

describe("what changes from turn to turn", () => {
  test("comes last: the rules and the history before it stay the same for the provider's cache", async () => {
    const { say } = t.talk()
    await say("one")
    const first = asked()
    pass()
    await say("two")
    expect(asked().system).toBe(first.system)
    expect(asked().messages.slice(0, 1)).toEqual(first.messages)
    expect(asked().volatile).not.toBe(first.volatile)
  })

  test("says the person's own time and the channel", async () => {
    await t.talk().say("hi")
    expect(asked().volatile).toMatch(/^Now: .*7:00 AM.*\(America\/New_York\)\. Channel: web\./)
  })
})

test("every section of the prompt is in the trace with its tokens", async () => {
  await remember("language: Portuguese", { pinned: true })
  await t.talk().say("hi")
  const { sections } = await traced()
  expect(sections.map((section) => section.name)).toEqual([
    "tools",
    "rules",
    "profile",
    "history",
    "messages",
    "now and memories",
  ])
  for (const { name, tokens } of sections) if (name !== "history") expect([name, tokens > 0]).toEqual([name, true])
})

test("a run that goes on has the context it began with, whatever was learnt since", async () => {
  const { say } = t.talk()
  t.model.next = [() => Promise.reject(new TypeError("a fault"))]
  await say("what is the cat called?")
  await remember("The cat is called Mia")
  await database.db.raw("update threads set ready_at = now() where ready_at is not null")
  await t.s.settle()
  expect(t.model.asked).toHaveLength(2)
  expect(t.model.asked[1]).toEqual(t.model.asked[0])
})
