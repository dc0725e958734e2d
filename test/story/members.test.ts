/** A member of the household may chat. What is the owner's stays the owner's: commands, tools, approvals, other people's things. */
import { sql } from "drizzle-orm"
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest"
import { chatReply } from "../model/stand-in.ts"
import { toolCall } from "../support/chat-model.ts"
import { type Home, home, OWNER_PHONE, type Product, PUBLIC_URL, startProduct } from "../support/product.ts"
import { type StandIn, startStandIn } from "../support/stand-in.ts"
import { start as startTwilio, type TwilioStandIn } from "../support/twilio-stand-in.ts"

const WAIT = { timeout: 60_000 }
const ANA = "+15554440001"

let twilio: TwilioStandIn
let model: StandIn
let place: Home
let at: Product

beforeAll(async () => {
  twilio = await startTwilio()
  model = await startStandIn(({ body }) => obey(body))
  place = await home()
  at = await startProduct({
    home: place,
    env: {
      PUBLIC_URL,
      ...twilio.env,
      OWNER_PHONE,
      OPENAI_BASE_URL: `${model.url}/v1`,
      VIGIL_MODEL: "some-model",
      ...(place.url ? { DATABASE_URL: place.url } : {}),
    },
  })
  const { code } = await at.api<{ code: string }>("/api/v1/pairings", { method: "POST", body: { name: "Ana" } })
  await text(ANA, code)
  await text(ANA, "hello")
  await ended("hello")
})
afterAll(async () => {
  await at.stop()
  await place.remove()
  await twilio.stop()
  await model.stop()
})

/** A model that does what anybody says: `call <tool> <json>` calls it, and then the result is the answer. */
function obey(body: string) {
  const { messages } = JSON.parse(body) as { messages: { role: string; content: unknown }[] }
  const last = messages.findLast(({ role }) => role === "user" || role === "tool")
  const said = String(last?.content ?? "")
  const [, name, args] = /call (\w+) (\{.*\})/.exec(said) ?? []
  if (last?.role === "user" && name && args)
    return chatReply({ content: null, tool_calls: [toolCall("c1", name, args)] })
  return chatReply({ content: last?.role === "tool" ? said : "all right" })
}

const text = (from: string, body: string) =>
  twilio.receive({ from, body, webhookUrl: `${PUBLIC_URL}/webhooks/twilio`, deliverTo: at.url })

interface Trace {
  id: string
  trigger: string
  state: string
  steps: { kind: string; name: string; verdict: { decision: string } | null; result: unknown }[]
  replies: { text: string }[]
}

/** The newest run with this trigger, once it is over or waits. */
async function ended(trigger: string): Promise<Trace> {
  const found = async () =>
    (await at.api<{ runs: Trace[] }>("/api/v1/runs")).runs.find((run) => run.trigger === trigger.slice(0, 200))
  await vi.waitFor(async () => expect((await found())?.state).toMatch(/^(done|waiting|failed)$/), WAIT)
  return at.api<Trace>(`/api/v1/runs/${(await found())?.id}`)
}

const OWNERS = "is for the owner."

describe("a command typed by a member", () => {
  test.each([
    ["/pair Bob", OWNERS],
    ["/people", OWNERS],
    ["/unpair Ana", OWNERS],
    ["/model gpt", OWNERS],
    ["/approvals", OWNERS],
    ["/digest", OWNERS],
    ["/usage", "This month: "],
    ["/status", "Model: "],
    ["/automations", "Nothing is scheduled."],
    ["/memory", "I remember nothing yet."],
    ["/new", "New conversation."],
    ["/stop", "Nothing was running."],
    ["/retry", "Nothing failed here."],
    ["/why", "I have not answered anything here yet.|model"],
  ])("%s: %s", async (command, answer) => {
    await text(ANA, command)
    const { replies } = await ended(command)
    expect(replies[0]?.text).toMatch(new RegExp(answer))
  })

  test("is not offered in the list when it is the owner's", async () => {
    await text(ANA, "/help")
    const { replies } = await ended("/help")
    const offered = [...(replies[0]?.text ?? "").matchAll(/^\/(\w+)/gm)].map(([, name]) => name)
    expect(offered).toContain("memory")
    for (const name of ["pair", "people", "unpair", "model", "approvals", "digest"]) expect(offered).not.toContain(name)
    expect((await at.say("/help")).reply).toContain("/pair [name, or me]")
  })

  test("/usage counts what the member set off, and the owner's counts all", async () => {
    await at.say("hello from the owner")
    await text(ANA, "/usage please")
    const { replies } = await ended("/usage please")
    const calls = (words = "") => Number(/(\d+) model calls/.exec(words)?.[1])
    const [row] = await at.app.infrastructure.db.query<{ n: number }>(sql`
      select count(*)::int as n from journal j join runs r on r.id = j.run_id join inbox i on i.id = r.trigger_id
      join people p on p.id = i.person_id where p.name = 'Ana' and j.kind = 'model' and j.phase = 'outcome'`)
    expect(calls(replies[0]?.text)).toBe(row?.n)
    expect(calls((await at.say("/usage")).reply ?? "")).toBeGreaterThan(row?.n ?? 0)
  })
})

describe("a tool in a member's conversation", () => {
  test.each([
    ["remember", { text: "Ana likes tea" }, "allow"],
    ["recall", { query: "tea" }, "allow"],
    ["now", {}, "allow"],
    ["remind", { text: "tea", when: "tomorrow at 9" }, "allow"],
    ["schedule", { action: "say hello", when: "every day at 9am" }, "allow"],
    ["list_automations", {}, "allow"],
    ["set_preference", { key: "language", value: "Greek" }, "ask"],
    ["forget", { ids: [1] }, "ask"],
    ["send_digest", {}, "deny"],
    ["triage_issue", { repo: "demo/webshop", number: 31 }, "deny"],
  ])("%s %j: %s", async (tool, args, decision) => {
    const words = `call ${tool} ${JSON.stringify(args)}`
    await text(ANA, words)
    const { steps } = await ended(words)
    const step = steps.find(({ name }) => name === tool)
    if (decision === "ask") expect(step).toMatchObject({ kind: "wait", name: tool })
    else expect(step?.verdict?.decision).toBe(decision)
    for (const { code } of (await at.api<{ approvals: { code: string }[] }>("/api/v1/approvals")).approvals)
      await at.say(`${code} NO`)
  })

  test.each(["unpair", "no_such_tool"])("%s is not there", async (tool) => {
    const words = `call ${tool} {"name":"Ana"}`
    await text(ANA, words)
    const { steps } = await ended(words)
    expect(steps.find(({ name }) => name === tool)?.result).toMatchObject({ ok: false, code: "not_found" })
  })

  test("cancels the member's own automation and never another's", async () => {
    await at.say('call remind {"text":"mine alone","when":"tomorrow at 10"}')
    const all = async () =>
      (await at.api<{ automations: { id: number; title: string }[] }>("/api/v1/automations")).automations
    const mine = (await all()).find(({ title }) => title.includes("mine alone"))
    const words = `call cancel_automation {"id":${mine?.id}}`
    await text(ANA, words)
    const { steps } = await ended(words)
    expect(steps.find(({ name }) => name === "cancel_automation")?.result).toMatchObject({ code: "not_found" })
    expect((await all()).map(({ id }) => id)).toContain(mine?.id)
  })
})

test("a member's yes to the owner's question is only words", async () => {
  const words = 'call set_preference {"key":"colour","value":"red"}'
  await text(ANA, words)
  expect((await ended(words)).state).toBe("waiting")
  const open = async () => (await at.api<{ approvals: { code: string }[] }>("/api/v1/approvals")).approvals
  const [question] = await open()
  await text(ANA, `${question?.code} OK`)
  await text(ANA, "OK")
  await at.say("ping")
  expect(await open()).toHaveLength(1)
  expect((await ended(words)).state).toBe("waiting")
})
