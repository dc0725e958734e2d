import { sql } from "drizzle-orm"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { z } from "zod"
import { LIMITS } from "../../../src/agent/turn/loop.ts"
import type { Tool } from "../../../src/tools/tool.ts"
import { type TestDatabase, testDatabase } from "../../support/database.ts"
import { text } from "../../support/spine.ts"
import { calls, says, talking } from "../../support/talk.ts"

let ran: unknown[] = []
const tool = (name: string, asks?: string): Tool => ({
  name,
  description: `does ${name}`,
  input: z.strictObject({ to: z.string() }),
  effect: "write",
  needs: "owner",
  replay: "idempotent",
  show: ({ to }) => `${name} to ${to}`,
  ...(asks ? { asks: async () => asks } : {}),
  run: async (args) => {
    ran.push(args)
    return { ok: true }
  },
})

/** Moved by tests; the leases keep to the database's own. */
let late = 0
let database: TestDatabase
let t: Awaited<ReturnType<typeof talking>>
beforeAll(async () => {
  database = await testDatabase()
  const tools = [tool("post"), tool("erase", "it cannot be undone")]
  t = await talking(database.db, { tools, now: () => new Date(Date.now() + late) })
})
afterAll(async () => {
  await t.s.stop()
  await database.drop()
})
beforeEach(() => {
  t.model.asked = []
  t.model.next = []
  ran = []
  late = 0
})
const read = () => t.model.asked.at(-1)?.messages.at(-1)?.text ?? ""

describe("arguments as a model writes them", () => {
  test.each<[string, string, RegExp]>([
    ["cut off", '{"to": "a', /arguments/],
    ["no JSON at all", "to a, please", /arguments/],
    ["JSON of another shape", "[1]", /arguments/],
    ["empty", "", /to: /],
    ["with a key of every object's prototype", '{"to":"a","__proto__":{"x":1}}', /__proto__/],
  ])("are refused by the schema as data the model reads: %s", async (_how, args, message) => {
    t.model.next = [calls("post", args), says("sorry")]
    expect(await t.talk().say("post it")).toEqual(["sorry"])
    expect(JSON.parse(read())).toMatchObject({ ok: false, code: "invalid", message: expect.stringMatching(message) })
    expect(ran).toEqual([])
  })

  test("reach the tool when they fit", async () => {
    t.model.next = [calls("post", { to: "a" }), says("posted")]
    expect(await t.talk().say("post it")).toEqual(["posted"])
    expect(ran).toEqual([{ to: "a" }])
  })
})

describe("an answer", () => {
  test("is one message, by the model that gave it", async () => {
    const { say, id } = t.talk()
    expect(await say("hi")).toEqual(["fine"])
    expect(await database.db.query(sql`select model, state from runs where thread_id = ${id()}`)).toEqual([
      { model: "m1", state: "done" },
    ])
  })

  test("without words sends nothing", async () => {
    t.model.next = [says("")]
    expect(await t.talk().say("hi")).toEqual([])
  })

  test("is to all that was said together", async () => {
    const { say, threadKey } = t.talk()
    await t.s.inbox.accept(text("one", { threadKey }))
    expect(await say("two")).toEqual(["fine"])
    expect(t.model.asked[0]?.messages.map((message) => message.text)).toEqual(["one", "two"])
  })

  test("takes in what was said while the model thought", async () => {
    const { say, threadKey } = t.talk()
    t.model.next = [
      async () => {
        await t.s.inbox.accept(text("make it green", { threadKey }))
        return says("a red one")()
      },
      says("a green one"),
    ]
    expect(await say("paint it red")).toEqual(["a green one"])
    expect(read()).toBe("make it green")
  })

  test("of too many steps says so, in words that say how to go on", async () => {
    t.model.next = Array.from({ length: LIMITS.steps }, (_, n) => calls("post", { to: String(n) }))
    expect(await t.talk().say("post everywhere")).toEqual([
      'I stopped before I was done: I took too many steps. Say "go on" if I should continue.',
    ])
  })

  test("of too long a time says so", async () => {
    t.model.next = [
      () => {
        late = LIMITS.wallMs + 1000
        return calls("post", { to: "a" })()
      },
    ]
    expect((await t.talk().say("post it"))[0]).toContain("it took too long")
  })
})

describe("the time that a run may take", () => {
  test("does not pass while it waits for a person", async () => {
    const { say } = t.talk()
    t.model.next = [calls("erase", { to: "a" })]
    const [question = ""] = await say("erase it")
    late = 2 * LIMITS.wallMs
    t.model.next = [says("erased")]
    expect(await say(`${question.slice(0, 2)} OK`)).toEqual(["erased"])
    expect(ran).toEqual([{ to: "a" }])
  })

  test("begins anew when a failed message is tried again", async () => {
    const { say } = t.talk()
    t.model.next = Array.from({ length: 3 }, () => () => Promise.reject(new TypeError("a fault")))
    for (let tries = 0; tries < 3; tries++) {
      await (tries === 0 ? say("post it") : t.s.settle())
      await database.db.raw("update threads set ready_at = now() where ready_at is not null")
    }
    late = 2 * LIMITS.wallMs
    expect(await say("/retry")).toContain("fine")
  })
})

test("the tools are told in the order of their names, so that a provider's cache holds", async () => {
  await t.talk().say("hi")
  expect(t.model.asked[0]?.tools.map((spec) => spec.name)).toEqual(["erase", "post"])
})
