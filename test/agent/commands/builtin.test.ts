import { sql } from "drizzle-orm"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { z } from "zod"
import { Reject } from "../../../src/base/errors.ts"
import type { Tool } from "../../../src/tools/tool.ts"
import { askAbout } from "../../support/approvals.ts"
import { type TestDatabase, testDatabase } from "../../support/database.ts"
import { text } from "../../support/spine.ts"
import { calls, type Mouth, says, talking } from "../../support/talk.ts"

/** How often the tool did its work. */
let posted = 0
const post: Tool = {
  name: "post",
  description: "posts",
  input: z.strictObject({ to: z.string() }),
  effect: "write",
  needs: "owner",
  replay: "idempotent",
  show: ({ to }) => `post to ${to}`,
  run: async () => {
    posted++
    return { ok: true }
  },
}

let database: TestDatabase
let t: Awaited<ReturnType<typeof talking>>
const talk = () => t.talk()
const next = (...answers: Mouth["next"]) => {
  t.model.next = answers
}
beforeAll(async () => {
  database = await testDatabase()
  t = await talking(database.db, { tools: [post] })
})
afterAll(async () => {
  await t.s.stop()
  await database.drop()
})
beforeEach(() => {
  t.model.asked = []
  next()
  posted = 0
})

const told = (request: Mouth["asked"][number] | undefined) => request?.messages.map((message) => message.text)

test("/status says what the installation says of itself", async () => {
  expect(await talk().say("/status")).toEqual(["All is well."])
})

describe("/new", () => {
  test("hides what was said before from the model, and deletes nothing", async () => {
    const { say, id } = talk()
    await say("my cat is called Mia")
    await say("/new")
    await say("what is my cat called?")
    expect(told(t.model.asked.at(-1))?.join("\n")).not.toContain("Mia")
    const [row] = await t.s.db.query(
      sql`select count(*) as n from inbox where thread_id = ${id()} and kind = 'message'`,
    )
    expect(row).toEqual({ n: 2 })
  })

  test("leaves what is said after it", async () => {
    const { say } = talk()
    await say("/new")
    await say("my dog is called Rex")
    await say("what is my dog called?")
    expect(told(t.model.asked.at(-1))).toContain("my dog is called Rex")
  })

  test("leaves other conversations alone", async () => {
    const [here, there] = [talk(), talk()]
    await there.say("my cat is called Mia")
    await here.say("/new")
    await there.say("what is my cat called?")
    expect(told(t.model.asked.at(-1))).toContain("my cat is called Mia")
  })
})

describe("/model", () => {
  test("says which one is in use, and why", async () => {
    expect(await talk().say("/model")).toEqual(["Model: m1 (a test)."])
  })

  test("chooses one for this conversation alone", async () => {
    const [here, there] = [talk(), talk()]
    await here.say("/model big-one")
    await here.say("hi")
    await there.say("hi")
    expect(t.model.asked.map((request) => request.model)).toEqual(["big-one", undefined])
    expect(await here.say("/model")).toEqual(["Model: big-one (chosen here)."])
  })

  test("goes back to the configured one", async () => {
    const { say } = talk()
    await say("/model big-one")
    expect(await say("/model default")).toEqual(["This conversation uses m1 again."])
    await say("hi")
    expect(t.model.asked.at(-1)?.model).toBeUndefined()
  })
})

describe("/why", () => {
  test("tells the steps of the last answer with their verdicts, and where the rest is", async () => {
    const { say, id } = talk()
    next(calls("post", { to: "a" }), says("posted"))
    await say("post it")
    const [reply = ""] = await say("/why")
    const [run] = await t.s.db.query<{ id: string }>(
      sql`select id from runs where thread_id = ${id()} and kind = 'message'`,
    )
    expect(reply.split("\n")).toEqual([
      "- note context",
      "- model reply",
      "- tool post (the owner asked)",
      "- model reply",
      `The whole trace: vigil trace ${run?.id.slice(0, 13)}`,
    ])
  })

  test("says which step failed", async () => {
    const { say } = talk()
    next(calls("post", {}))
    await say("post it")
    expect((await say("/why"))[0]).toContain("- tool post: failed")
  })

  test("has nothing to tell before the first answer", async () => {
    expect(await talk().say("/why")).toEqual(["I have not answered anything here yet."])
  })
})

test("/usage sums calls, tokens and dollars, and says what it could not count", async () => {
  await t.s.db.script(
    "alter table journal disable trigger user; delete from journal; alter table journal enable trigger user",
  )
  const { say } = talk()
  next(says("one"), says("two", { cost: null }))
  await say("one")
  await say("two")
  expect(await say("/usage")).toEqual([
    "This month: 2 model calls, 2200 tokens, $0.0125 (today $0.0125). 1 calls have no known price and are not in the sum.",
  ])
})

describe("/approvals", () => {
  test("lists each open question with how to answer it", async () => {
    const { code } = await askAbout(t.s, { now: new Date(), display: "label a/b#1 as bug" })
    expect(await talk().say("/approvals")).toEqual([`${code}: label a/b#1 as bug. Reply ${code} OK or ${code} NO`])
    await t.s.inbox.accept(text(`${code} NO`))
  })

  test("says so when there is none", async () => {
    await t.s.db.query(sql`update approvals set state = 'cancelled' where state = 'open'`)
    expect(await talk().say("/approvals")).toEqual(["Nothing waits for your word."])
  })
})

describe("/stop", () => {
  test("says so when nothing was running", async () => {
    expect(await talk().say("/stop")).toEqual(["Nothing was running."])
  })

  test("ends what runs, and says so", async () => {
    const { say, threadKey } = talk()
    next(async () => {
      await t.s.inbox.accept(text("/stop", { kind: "command", threadKey }))
      return calls("post", { to: "a" })()
    })
    expect(await say("post it")).toEqual(["Stopped."])
    expect(posted).toBe(0)
  })
})

describe("/retry", () => {
  const broken = () => Promise.reject(new Reject(400, "the model refuses"))

  test("says so when nothing failed", async () => {
    expect(await talk().say("/retry")).toEqual(["Nothing failed here."])
  })

  test("goes on from the journal: what was finished is not done again", async () => {
    const { say } = talk()
    next(calls("post", { to: "a" }), broken)
    expect((await say("post it"))[0]).toMatch(/could not answer that: the model refuses.*\/retry/)
    expect(posted).toBe(1)
    t.model.asked = []
    next(says("posted"))
    expect(await say("/retry")).toEqual(["Trying again: 1 message.", "posted"])
    expect([posted, t.model.asked.length]).toEqual([1, 1])
    expect(t.model.asked[0]?.messages.at(-1)).toMatchObject({ role: "tool", text: '{"ok":true}' })
  })

  test("tries every message that failed", async () => {
    const { say } = talk()
    next(broken)
    await say("one")
    next(broken)
    await say("two")
    next(says("to one"), says("to two"))
    expect(await say("/retry")).toEqual(["Trying again: 2 messages.", "to one", "to two"])
  })

  test("is not stopped by a stop that was said before it", async () => {
    const { say } = talk()
    next(broken)
    await say("one")
    await say("/stop")
    next(says("to one"))
    expect(await say("/retry")).toEqual(["Trying again: 1 message.", "to one"])
  })

  test("tries once: what was answered is not tried again", async () => {
    const { say } = talk()
    next(broken)
    await say("one")
    await say("/retry")
    expect(await say("/retry")).toEqual(["Nothing failed here."])
  })

  test("leaves other conversations' failures alone", async () => {
    const [here, there] = [talk(), talk()]
    next(broken)
    await there.say("one")
    expect(await here.say("/retry")).toEqual(["Nothing failed here."])
  })
})
