/** Every answer of the API is what OpenAPI says, to the field: on the whole product, with something in all that it shows. */
import { sql } from "drizzle-orm"
import { afterAll, beforeAll, expect, test } from "vitest"
import { z } from "zod"
import { OWNER_PHONE, type Product, PUBLIC_URL, startProduct, TOKEN } from "../support/product.ts"
import { start as startTelegram, type TelegramStandIn } from "../support/telegram-stand-in.ts"
import { start as startTwilio, type TwilioStandIn } from "../support/twilio-stand-in.ts"
import { bodiesOf, fieldsOf, filledIn, misfits, problemOf, type Schema } from "./declared.ts"

const OWNER = 4242
let product: Product
let telegram: TelegramStandIn
let twilio: TwilioStandIn
let declared: Map<string, Schema | null>
let problem: Schema
/** Open approvals have no answer, listed memories are not replaced, and no embedding model is set. */
const CANNOT_BE = [
  "get /api/v1/approvals 200: approvals[].answeredVia",
  "get /api/v1/approvals 200: approvals[].answeredAt",
  "get /api/v1/memories 200: memories[].parts.vector",
  "get /api/v1/memories 200: memories[].validTo",
  "get /api/v1/memories 200: memories[].supersededBy",
]
/** What each operation answered, by `get /api/v1/runs 200`. */
const answers = new Map<string, unknown[]>()

/** Asks with the owner's token; the answer must be one that is declared for this operation, and fit. */
async function ask(operation: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const method = operation.split(" ", 1)[0]?.toUpperCase() ?? ""
  const answer = await product.ask(path, {
    method,
    headers: { authorization: `Bearer ${TOKEN}`, ...(body ? { "content-type": "application/json" } : {}), ...headers },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
  const text = await answer.text()
  keep(`${operation} ${answer.status}`, text === "" ? undefined : JSON.parse(text))
  return text === "" ? undefined : JSON.parse(text)
}

function keep(key: string, body: unknown): void {
  answers.set(key, [...(answers.get(key) ?? []), body])
}

/** The events of a thread from its beginning, until there is one of each name. */
async function follow(thread: string): Promise<void> {
  const stop = new AbortController()
  const stream = await product.ask(`/api/v1/threads/${thread}/events?after=0`, {
    headers: { authorization: `Bearer ${TOKEN}` },
    signal: stop.signal,
  })
  let text = ""
  const names = new Set<string>()
  for await (const chunk of stream.body ?? []) {
    text += new TextDecoder().decode(chunk)
    const blocks = text.split("\n\n")
    text = blocks.pop() ?? ""
    for (const block of blocks) {
      const [, event, data] = /event: (\w+)\ndata: (.*)/.exec(block) ?? []
      if (event === undefined || data === undefined) continue
      keep("get /api/v1/threads/{id}/events 200", { event, data: JSON.parse(data) })
      names.add(event)
    }
    if (names.size === 2) break
  }
  stop.abort()
}

/** What only happens when something goes wrong, and what takes many words to ask for. */
async function mishaps(): Promise<void> {
  const { db, breaker } = product.app.infrastructure
  for (let failures = 0; failures < 5; failures++) breaker.failed("email")
  await db.query(sql`
    update outbox set state = 'uncertain', provider_id = 'p1', sent_at = now(),
      error = '{"code":"unknown_outcome","message":"the answer was lost","repeat":true}'
    where id in (select id from outbox where run_id is not null order by created_at limit 2)`)
  await db.query(sql`update outbox set body = body || '{"buttons":[{"label":"Approve","reply":"K7 OK"}]}'`)
  await db.query(sql`update runs set error = '{"code":"timeout","message":"it took too long"}'`)
  await db.query(sql`
    update automations set grants = '[{"tool":"recall","where":{"text":"x"}}]',
      recurrence = '{"kind":"rrule","rule":"FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=9;BYMINUTE=0"}'
    where id = (select min(id) from automations)`)
  await db.query(sql`
    update decisions set corrected_to = 'docs', corrected_assignee = 'ana', assignee = 'ben', reused_from = id
    where id = (select id from decisions order by decided_at desc limit 1)`)
}

async function readEverything(): Promise<void> {
  const { thread } = await ask("post /api/v1/messages", "/api/v1/messages", { text: "no wait" })
  await ask("post /api/v1/messages", "/api/v1/messages", { text: "/help" }, { prefer: "wait=60" })
  await ask("get /api/v1/threads/{id}/messages", `/api/v1/threads/${thread}/messages`)
  await follow(thread)
  const { runs } = await ask("get /api/v1/runs", "/api/v1/runs?limit=200")
  for (const { id } of runs) await ask("get /api/v1/runs/{id}", `/api/v1/runs/${id}`)
  const { doubts } = await ask("get /api/v1/doubts", "/api/v1/doubts")
  await ask("post /api/v1/doubts/{id}", `/api/v1/doubts/${doubts[0].id}`, { verdict: "yes" })
  for (const path of ["status", "automations", "secrets", "spend", "channels", "hooks"])
    await ask(`get /api/v1/${path}`, `/api/v1/${path}`)
  await ask("get /api/v1/memories", "/api/v1/memories?q=cat")
  await ask("get /api/v1/memories", "/api/v1/memories")
  await ask("get /api/v1/hooks/{name}", "/api/v1/hooks/deploy")
  await ask("get /api/v1/triage/decisions", "/api/v1/triage/decisions?limit=200")
  await ask("get /api/v1/triage/rota", "/api/v1/triage/rota")
  await ask("delete /api/v1/hooks/{name}", "/api/v1/hooks/deploy")
  await ask("delete /api/v1/secrets/{name}", "/api/v1/secrets/MY_KEY")
}

async function fillEverything(): Promise<void> {
  await product.say("remember that the cat is called Mia")
  await product.say("what is the cat called?")
  await product.say("remind me tomorrow at 9 to stretch")
  await product.say("every day at 7 remind me to drink water")
  await product.say("every 90 minutes check the queue")
  await ask("put /api/v1/secrets/{name}", "/api/v1/secrets/MY_KEY", { value: "canary-1", hosts: ["*"], tools: ["*"] })
  await product.app.infrastructure.vault.get("MY_KEY", { tool: "web", host: "api.example.com" })
  const hook = {
    action: { kind: "do", text: "Look: {{payload}}" },
    schema: { type: "object" },
    grants: [{ tool: "recall", where: { text: "x" } }],
  }
  await ask("put /api/v1/hooks/{name}", "/api/v1/hooks/deploy", hook)
  const overrides = [{ from: "2026-12-24", to: "2026-12-26", login: "ben" }]
  const rota = { zone: "Europe/Lisbon", start: "2026-01-05", logins: ["ana"], overrides }
  await ask("put /api/v1/triage/rota", "/api/v1/triage/rota", rota)
  await ask("post /api/v1/link", "/api/v1/link")
  await ask("post /api/v1/pairings", "/api/v1/pairings", { name: "Ana" })
  await telegram.say({ from: OWNER, text: "hello", deliverTo: product.url })
  await ask("post /api/v1/channels/{id}/setup", "/api/v1/channels/telegram/setup")
  await ask("post /api/v1/demo", "/api/v1/demo")
  const { approvals } = await ask("get /api/v1/approvals", "/api/v1/approvals")
  await ask("post /api/v1/approvals/{code}", `/api/v1/approvals/${approvals[0].code}`, { verdict: "no" })
}

beforeAll(async () => {
  ;[telegram, twilio] = await Promise.all([startTelegram(), startTwilio()])
  product = await startProduct({
    env: {
      PUBLIC_URL,
      TELEGRAM_BOT_TOKEN: telegram.token,
      TELEGRAM_API_ROOT: telegram.url,
      TELEGRAM_WEBHOOK_SECRET: "telegram-secret-0123456789",
      TWILIO_ACCOUNT_SID: twilio.accountSid,
      TWILIO_AUTH_TOKEN: twilio.authToken,
      TWILIO_NUMBER: twilio.number,
      TWILIO_API_BASE: twilio.url,
      OWNER_PHONE,
      OWNER_TELEGRAM_ID: String(OWNER),
      DAILY_BUDGET_USD: "2.50",
      MONTHLY_BUDGET_USD: "20",
    },
  })
  const document = await product.api<object>("/api/openapi.json")
  declared = bodiesOf(document)
  problem = problemOf(document)
  await fillEverything()
  await mishaps()
  await readEverything()
})
afterAll(async () => {
  await product.stop()
  await Promise.all([telegram.stop(), twilio.stop()])
})

test("every operation of OpenAPI says what it answers, and has answered", () => {
  expect([...answers.keys()].sort()).toEqual([...declared.keys()].sort())
  const bodyless = [...declared].filter(([, schema]) => schema === null).map(([key]) => key)
  expect(bodyless.every((key) => key.endsWith(" 204"))).toBe(true)
  for (const [, schema] of declared) if (schema) expect(fieldsOf(schema).length).toBeGreaterThan(0)
})

test("every answer has the declared fields and no others", () => {
  const wrong = [...answers].flatMap(([key, bodies]) =>
    bodies.flatMap((body) => {
      const schema = declared.get(key)
      const found = schema ? misfits(schema, body) : body === undefined ? [] : ["has a body"]
      return found.map((line) => `${key}: ${line}`)
    }),
  )
  expect([...new Set(wrong)]).toEqual([])
})

test("every declared field held something in some answer, but for what this installation cannot have", () => {
  const empty = [...declared].flatMap(([key, schema]) => {
    const filled = new Set((answers.get(key) ?? []).flatMap((body) => filledIn(body)))
    return schema ? fieldsOf(schema).flatMap((field) => (filled.has(field) ? [] : [`${key}: ${field}`])) : []
  })
  expect(empty).toEqual(CANNOT_BE)
})

test("a refusal is the declared problem", async () => {
  const answer = await product.ask("/api/v1/runs/00000000-0000-0000-0000-000000000000", {
    headers: { authorization: `Bearer ${TOKEN}` },
  })
  expect(answer.status).toBe(404)
  expect(misfits(problem, await answer.json())).toEqual([])
  expect(misfits(problem, { error: { code: "x" } })).not.toEqual([])
})

test("the check finds a field that is not declared, one that is missing and one of another kind", () => {
  const schema = declared.get("get /api/v1/automations 200") ?? {}
  const [first] = z
    .object({ automations: z.array(z.record(z.string(), z.unknown())) })
    .parse(answers.get("get /api/v1/automations 200")?.[0]).automations
  const { title: _, ...untitled } = first ?? {}
  expect(misfits(schema, { automations: [first] })).toEqual([])
  expect(misfits(schema, { automations: [{ ...first, odd: 1 }] })).not.toEqual([])
  expect(misfits(schema, { automations: [untitled] })).not.toEqual([])
  expect(misfits(schema, { automations: [{ ...first, nextAt: "tomorrow" }] })).not.toEqual([])
})
