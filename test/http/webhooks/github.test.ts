/** GitHub's route as GitHub uses it: every published payload, every forged signature, the largest body. */
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { sign } from "@octokit/webhooks-methods"
import { sql } from "drizzle-orm"
import { afterAll, beforeAll, expect, test } from "vitest"
import { z } from "zod"
import { createGitHubWebhook } from "../../../src/channels/github/webhook.ts"
import { GITHUB_SECRET, type House, house } from "../everything.ts"

const file = createRequire(import.meta.url).resolve("@octokit/webhooks-examples")
const EXAMPLES = z
  .array(z.object({ name: z.string(), examples: z.array(z.looseObject({ action: z.string().optional() })) }))
  .parse(JSON.parse(readFileSync(file, "utf8")))
  .flatMap(({ name, examples }) => examples.map((payload) => ({ event: name, body: JSON.stringify(payload) })))
const MEGABYTE = 1024 * 1024

let h: House
beforeAll(async () => {
  const github = createGitHubWebhook({ webhookSecret: GITHUB_SECRET, repos: ["codertocat/hello-world"] })
  h = await house({ channels: { github } })
})
afterAll(async () => await h.stop())

interface Sent {
  event?: string
  body: string
  id?: string
  signature?: string
}

async function send({
  event = "issues",
  body,
  id = "d",
  signature,
}: Sent): Promise<{ status: number; outcome: string }> {
  const answer = await fetch(`${h.url}/webhooks/github`, {
    method: "POST",
    body,
    headers: {
      "content-type": "application/json",
      "x-github-event": event,
      "x-github-delivery": id,
      "x-hub-signature-256": signature ?? (await sign(GITHUB_SECRET, body)),
    },
  })
  const said = z.looseObject({ outcome: z.string().default("") }).parse(await answer.json())
  return { status: answer.status, outcome: said.outcome }
}

/** All of them, a few at a time: GitHub too sends several at once. */
async function all<T, R>(items: readonly T[], work: (item: T, at: number) => Promise<R>): Promise<R[]> {
  const done: R[] = []
  const left = items.map((item, at) => ({ item, at }))
  const one = async () => {
    for (let next = left.shift(); next; next = left.shift()) done[next.at] = await work(next.item, next.at)
  }
  await Promise.all(Array.from({ length: 8 }, one))
  return done
}

const count = async () => (await h.s.db.query<{ n: number }>(sql`select count(*)::int as n from inbox`))[0]?.n ?? -1

test("each of the 329 published payloads is taken or noted, and is a duplicate when it comes again", async () => {
  expect(EXAMPLES).toHaveLength(329)
  const deliver = () => all(EXAMPLES, ({ event, body }, at) => send({ event, body, id: `guid-${at}` }))
  const first = await deliver()
  expect(new Set(first.map(({ status }) => status))).toEqual(new Set([202]))
  const outcomes = Object.groupBy(first, ({ outcome }) => outcome)
  // Of the four examples of a new, edited or reopened issue some tell of the same words.
  const taken = (outcomes.accepted?.length ?? 0) + (outcomes.duplicate?.length ?? 0)
  expect(outcomes.accepted?.length).toBeGreaterThanOrEqual(1)
  expect(taken + (outcomes.ignored?.length ?? 0)).toBe(329)
  expect(outcomes.ignored?.length).toBeGreaterThan(300)
  const rows = await count()
  const second = await deliver()
  expect(second.filter(({ status, outcome }) => status !== 202 || outcome !== "duplicate")).toEqual([])
  expect(await count()).toBe(rows)
  expect(rows).toBe((outcomes.accepted?.length ?? 0) + (outcomes.ignored?.length ?? 0))
  expect(h.lines.filter(({ event }) => event === "request_failed")).toEqual([])
}, 60_000)

test("each of them is refused under another secret, and leaves nothing", async () => {
  const rows = await count()
  const answers = await all(EXAMPLES, async ({ event, body }, at) =>
    send({ event, body, id: `forged-${at}`, signature: await sign("another secret", body) }),
  )
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401]))
  expect(await count()).toBe(rows)
}, 60_000)

test("one bit less or more in the signature or the body, and it is refused", async () => {
  const body = EXAMPLES.find(({ event }) => event === "issues")?.body ?? ""
  const signature = await sign(GITHUB_SECRET, body)
  const digits = signature.slice("sha256=".length)
  expect(digits).toHaveLength(64)
  const signatures = [...digits].flatMap((digit, at) =>
    [1, 2, 4, 8].map((bit) => {
      const flipped = (Number.parseInt(digit, 16) ^ bit).toString(16)
      return `sha256=${digits.slice(0, at)}${flipped}${digits.slice(at + 1)}`
    }),
  )
  const more = [digits, `sha1=${digits}`, signature.toUpperCase(), `${signature}0`, signature.slice(0, -1), "sha256="]
  const forged = [...signatures, ...more]
  expect(forged).toHaveLength(262)
  const answers = await all(forged, (one, at) => send({ body, id: `bit-${at}`, signature: one }))
  const bodies = Array.from({ length: 64 }, (_, at) => {
    const bytes = Buffer.from(body)
    const place = Math.floor((at * bytes.length) / 64)
    // The lowest bit: the text stays one that can be sent.
    bytes[place] = (bytes[place] ?? 0) ^ 1
    return bytes.toString("utf8")
  })
  const changed = await all(bodies, (one, at) => send({ body: one, id: `body-${at}`, signature }))
  expect(new Set([...answers, ...changed].map(({ status }) => status))).toEqual(new Set([401]))
  expect((await send({ body, id: "as it was", signature })).status).toBe(202)
})

test("a ping is answered, and an event nobody knew is noted without its content", async () => {
  const ping = { event: "ping", body: JSON.stringify({ zen: "Speak like a human.", hook_id: 1 }), id: "ping-1" }
  expect(await send(ping)).toEqual({ status: 202, outcome: "ignored" })
  const odd = { event: "issue_teleported", body: JSON.stringify({ action: "beamed", words: "canary" }), id: "odd-1" }
  expect(await send(odd)).toEqual({ status: 202, outcome: "ignored" })
  const [row] = await h.s.db.query<{ state: string; payload: unknown }>(
    sql`select state, payload from inbox where external_id = 'delivery:odd-1'`,
  )
  expect(row).toMatchObject({ state: "recorded", payload: { reason: "event issue_teleported" } })
  expect(JSON.stringify(row)).not.toContain("canary")
})

test("a body of 25 MB is read here, one byte more is not, and no other route takes it", async () => {
  const filled = (bytes: number) => `{"action":"x","pad":"${"x".repeat(bytes - 23)}"}`
  const largest = filled(25 * MEGABYTE)
  expect(Buffer.byteLength(largest)).toBe(25 * MEGABYTE)
  expect(await send({ event: "push", body: largest, id: "largest" })).toEqual({ status: 202, outcome: "ignored" })
  expect((await send({ event: "push", body: filled(25 * MEGABYTE + 1), id: "more" })).status).toBe(413)
  const other = await h.ask("/api/v1/messages", {
    method: "POST",
    body: JSON.stringify({ text: "x".repeat(MEGABYTE) }),
    headers: { "content-type": "application/json" },
  })
  expect(other.status).toBe(413)
})
