import { sql } from "drizzle-orm"
import { describe, expect, test } from "vitest"
import { type ChatCommand, createCommands } from "../../../src/agent/commands/commands.ts"
import { newId } from "../../../src/base/ids.ts"
import { ownSpine } from "../../support/own.ts"
import { spine, text } from "../../support/spine.ts"

let heard: string[] = []
const echo: ChatCommand = {
  name: "echo",
  usage: "<words>",
  help: "says it again",
  async run(_job, rest) {
    heard.push(rest)
    return `you said ${rest}`
  },
}
const fail: ChatCommand = { name: "fail", help: "never works", run: () => Promise.reject(new Error("broken")) }
const s = await ownSpine({ handlers: { command: createCommands([echo, fail]) } })

/** What is answered to a command, on a conversation of its own. */
async function say(words: string): Promise<string[]> {
  heard = []
  const { threadId } = await s.inbox.accept(text(words, { kind: "command", threadKey: `web:${newId()}` }))
  await s.settle(threadId)
  const rows = await s.db.query<{ text: string }>(
    sql`select body ->> 'text' as text from outbox where thread_id = ${threadId}`,
  )
  return rows.map((row) => row.text)
}

describe("a command", () => {
  test.each([
    ["/echo hi there", "hi there"],
    ["/echo", ""],
    ["/ECHO Hi", "Hi"],
    ["  /echo  padded  ", "padded"],
    ["/echo@vigil_bot hi", "hi"],
    ["/echo two\nlines", "two\nlines"],
  ])("%j gets %j", async (words, rest) => {
    await say(words)
    expect(heard).toEqual([rest])
  })

  test("is answered with what it says", async () => {
    expect(await say("/echo hi")).toEqual(["you said hi"])
  })

  test("that is not known is answered with those that are", async () => {
    const [reply] = await say("/dance")
    expect(reply).toMatch(/^I do not know \/dance\.\n/)
    expect(reply).toContain("/echo <words>: says it again")
  })

  test.each(["/constructor", "/valueof"])("is not a part of every object: %s", async (words) => {
    expect((await say(words))[0]).toContain("I do not know")
  })
})

test("the list names every command, itself too, with its usage", async () => {
  expect(await say("/help")).toEqual(["/echo <words>: says it again\n/fail: never works\n/help: this list"])
})

test("a command costs no model call, and is in the run's trace", async () => {
  const { threadId } = await s.inbox.accept(text("/echo hi", { kind: "command", threadKey: `web:${newId()}` }))
  await s.settle(threadId)
  const rows = await s.db.query(sql`
    select journal.kind, journal.name, journal.result from journal join runs on runs.id = run_id where thread_id = ${threadId}`)
  expect(rows).toEqual([{ kind: "note", name: "/echo", result: "you said hi" }])
})

test("a command that ran is not run again by who goes on with its run", async () => {
  heard = []
  const { threadId } = await s.inbox.accept(text("/echo once", { kind: "command", threadKey: `web:${newId()}` }))
  const claim = await s.leases.claim(threadId)
  if (!claim?.run) throw new Error("nothing was claimed")
  const { run } = claim
  const handler = createCommands([echo])
  const lost = await spine({
    db: s.db,
    handlers: {
      command: {
        takesMore: false,
        async run(context) {
          await handler.run(context)
          await context.steps.flush()
          throw new Error("killed before its end")
        },
      },
    },
  })
  await lost.execute({ ...claim, run }, new AbortController().signal)
  await lost.stop()
  await s.db.query(sql`update threads set ready_at = now() where id = ${threadId}`)
  await s.settle(threadId)
  expect(heard).toEqual(["once"])
  expect(await s.db.query(sql`select body ->> 'text' as text from outbox where thread_id = ${threadId}`)).toEqual([
    { text: "you said once" },
  ])
})
