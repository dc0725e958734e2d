/**
 * Deliveries that their senders signed, bent in every way: a change of what was signed is refused or starts nothing, and what
 * is signed and strange is answered without a 5xx, with its words kept as far as they can be.
 */
import { gzipSync } from "node:zlib"
import { sql } from "drizzle-orm"
import fc from "fast-check"
import { afterAll, beforeAll, expect, test } from "vitest"
import { bytesOf, type Edge, type Raw, ROUTES, type Route, startEdge, talk } from "./edge.ts"

const OPTIONS = { numRuns: Number(process.env.FUZZ_RUNS ?? 300), seed: Number(process.env.FUZZ_SEED ?? 20_261_122) }
const PATIENCE_MS = 180_000

let edge: Edge
let count = 0
beforeAll(async () => {
  edge = await startEdge()
})
afterAll(async () => {
  await edge.stop()
})

const send = async (raw: Raw) => {
  const { statuses } = await talk(edge.port, [bytesOf(raw)])
  return statuses[0] ?? 0
}
const isTaken = (status: number) => status >= 200 && status < 300
const unforeseen = () => edge.lines.filter(({ event }) => event === "request_failed").map(({ fields }) => fields.error)

const PROOF = /^x-(?:telegram-bot-api-secret-token|twilio-signature|hub-signature-256|vigil-signature)$/
const withProof = (raw: Raw, change: (value: string) => string): Raw => ({
  ...raw,
  headers: raw.headers.map(([name, value]) => [name, PROOF.test(name) ? change(value) : value]),
})
const flipped = (text: string, at: number) => {
  const index = at % text.length
  return text.slice(0, index) + (text[index] === "x" ? "y" : "x") + text.slice(index + 1)
}
const proofOf = (raw: Raw) => raw.headers.find(([name]) => PROOF.test(name))?.[1] ?? ""

type Bend = (raw: Raw, at: number) => Raw
/** Changes of what every sender's proof is, or covers. */
const PROOFS: Record<string, Bend> = {
  "no proof": (raw) => ({ ...raw, headers: raw.headers.filter(([name]) => !PROOF.test(name)) }),
  "an empty proof": (raw) => withProof(raw, () => ""),
  "one sign of the proof": (raw, at) => withProof(raw, (value) => flipped(value, at)),
  "a cut proof": (raw, at) => withProof(raw, (value) => value.slice(0, at % value.length)),
  "a longer proof": (raw) => withProof(raw, (value) => `${value}0`),
  "the proof twice": (raw) => ({
    ...raw,
    headers: [...raw.headers, ...raw.headers.filter(([name]) => PROOF.test(name))],
  }),
  "a wrong proof before it": (raw) => ({
    ...raw,
    headers: [[raw.headers.find(([name]) => PROOF.test(name))?.[0] ?? "", "x"], ...raw.headers],
  }),
  "another route's proof": (raw) => withProof(raw, () => proofOf(edge.delivery("/webhooks/github", 1))),
}
/** Changes of the body, and of what only some proofs cover. */
const REST: Record<string, Bend> = {
  "one byte of the body": (raw, at) => {
    const body = Buffer.from(raw.body)
    body.writeUInt8((body.readUInt8(at % body.length) + 1 + (at % 254)) % 256, at % body.length)
    return { ...raw, body }
  },
  "a cut body": (raw, at) => ({ ...raw, body: raw.body.subarray(0, at % raw.body.length) }),
  "a longer body": (raw, at) => ({
    ...raw,
    body: Buffer.concat([raw.body, Buffer.from([" ", "\n", "&x=1", "\0", "}"][at % 5] ?? "")]),
  }),
  "a packed body": (raw) => ({
    ...raw,
    body: gzipSync(raw.body),
    headers: [...raw.headers, ["content-encoding", "gzip"]],
  }),
  "a body said to be packed": (raw) => ({ ...raw, headers: [...raw.headers, ["content-encoding", "deflate"]] }),
  "another charset": (raw) => ({
    ...raw,
    headers: raw.headers.map(([name, value]) => [name, name === "content-type" ? `${value}; charset=utf-16` : value]),
  }),
  "another type": (raw) => ({
    ...raw,
    headers: raw.headers.map(([name, value]) => [name, name === "content-type" ? "text/plain" : value]),
  }),
  "another method": (raw) => ({ ...raw, method: "PUT" }),
  "a query": (raw) => ({ ...raw, path: `${raw.path}?x=1` }),
  "another path": (raw) => ({ ...raw, path: `${raw.path}/` }),
  "another delivery's name": (raw) => ({
    ...raw,
    headers: raw.headers.map(([name, value]) => [name, /delivery|idempotency/.test(name) ? `${value}!` : value]),
  }),
  "another event": (raw) => ({
    ...raw,
    headers: raw.headers.map(([name, value]) => [name, name === "x-github-event" ? "issue_comment" : value]),
  }),
  "other letters in names": (raw) => ({
    ...raw,
    headers: raw.headers.map(([name, value]) => [name.toUpperCase(), value]),
  }),
  nothing: (raw) => raw,
}
const route = fc.constantFrom(...ROUTES)

test(
  "a bent delivery is refused, or is known and starts nothing",
  async () => {
    const bend = fc.constantFrom(...Object.keys(PROOFS), ...Object.keys(REST))
    await fc.assert(
      fc.asyncProperty(route, bend, fc.nat(), async (path, how, at) => {
        const raw = edge.delivery(path, ++count)
        expect(isTaken(await send(raw))).toBe(true)
        const before = await edge.taken()
        const change = PROOFS[how] ?? REST[how]
        if (!change) throw new Error(how)
        const status = await send(change(raw, at))
        expect(status, how).toSatisfy((code: number) => isTaken(code) || (code >= 400 && code < 500))
        if (how in PROOFS) expect(isTaken(status), how).toBe(false)
        // Telegram signs nothing: who has its secret may write anything.
        if (path !== "/webhooks/telegram") expect(await edge.taken(), how).toBe(before)
      }),
      OPTIONS,
    )
    expect(unforeseen()).toEqual([])
  },
  PATIENCE_MS,
)

/** Values that no sender sends, wherever a sender puts one. */
const strange = fc.oneof(
  fc.constantFrom<unknown>(
    "",
    "\0",
    "a\0b",
    "\ud800",
    "\udc00\ud800",
    "\u202e\ufeff",
    "x".repeat(5000),
    "%00%ff",
    "1e999",
    "null",
  ),
  fc.constantFrom<unknown>(null, true, 0, -1, 1.5, 1e308, Number.MAX_SAFE_INTEGER, 2 ** 60, [], {}, [[[[]]]], {
    toString: 1,
  }),
  fc.constantFrom<unknown>(JSON.parse('{"__proto__":{"id":1},"constructor":{"prototype":{"x":1}}}')),
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ unit: fc.constantFrom("\0", "\ud83d", "\udc4d", "a", "\u200d", "'", "\\", '"', "\n"), maxLength: 20 }),
)

/** One leaf of a JSON document put in place of another, by number. */
function replaced(node: unknown, at: number, by: unknown): unknown {
  let left = at % leaves(node)
  const walk = (part: unknown): unknown => {
    if (typeof part !== "object" || part === null) return left-- === 0 ? by : part
    if (Array.isArray(part)) return part.map(walk)
    return Object.fromEntries(Object.entries(part).map(([key, value]) => [key, walk(value)]))
  }
  return walk(node)
}
const leaves = (node: unknown): number =>
  typeof node === "object" && node !== null
    ? Math.max(
        1,
        Object.values(node).reduce((sum: number, one) => sum + leaves(one), 0),
      )
    : 1

const asText = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value))

const JSON_ROUTES = ["/webhooks/telegram", "/webhooks/github", "/webhooks/in/deploy"] as const
const FORM_ROUTES = ["/webhooks/twilio", "/webhooks/twilio/status"] as const

function bentJson(path: Route, changes: [number, unknown][]): Raw {
  const own: unknown = JSON.parse(edge.delivery(path, ++count).body.toString())
  const bent = changes.reduce((document, [at, by]) => replaced(document, at, by), own)
  return edge.delivery(path, count, Buffer.from(JSON.stringify(bent)))
}

test(
  "signed JSON with strange values in it is answered, and never with a 5xx",
  async () => {
    const changes = fc.array(fc.tuple(fc.nat(), strange), { minLength: 1, maxLength: 3 })
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...JSON_ROUTES), changes, async (path, list) => {
        const raw = bentJson(path, list)
        expect(await send(raw), raw.body.toString().slice(0, 500)).toBeLessThan(500)
      }),
      OPTIONS,
    )
    expect(unforeseen()).toEqual([])
  },
  PATIENCE_MS,
)

test(
  "signed forms with strange fields are answered, and never with a 5xx",
  async () => {
    const changes = fc.array(fc.tuple(fc.nat(), strange.map(asText)), { minLength: 1, maxLength: 3 })
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...FORM_ROUTES), changes, async (path, list) => {
        const form = new URLSearchParams(edge.delivery(path, ++count).body.toString())
        const keys = [...form.keys()]
        for (const [at, by] of list) form.set(keys[at % keys.length] ?? "", by)
        const raw = edge.delivery(path, count, Buffer.from(form.toString()))
        expect(await send(raw), raw.body.toString().slice(0, 500)).toBeLessThan(500)
      }),
      OPTIONS,
    )
    expect(unforeseen()).toEqual([])
  },
  PATIENCE_MS,
)

test(
  "signed bodies that are no delivery at all are answered, and never with a 5xx",
  async () => {
    const body = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      fc.jsonValue().map((json) => Buffer.from(JSON.stringify(json))),
      fc.integer({ min: 1, max: 60_000 }).map((depth) => Buffer.from(`${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`)),
      fc.jsonValue().map((json) => gzipSync(JSON.stringify(json))),
      fc
        .string({ unit: "binary", maxLength: 200 })
        .map((text) => Buffer.from(`From: ${text}\r\nSubject: ${text}\r\n\r\n${text}`)),
      fc.string({ unit: "binary", maxLength: 200 }).map((text) => Buffer.from(text, "utf16le")),
    )
    await fc.assert(
      fc.asyncProperty(route, body, async (path, bytes) => {
        if (bytes.length === 0) return
        expect(await send(edge.delivery(path, ++count, bytes)), bytes.toString("latin1").slice(0, 500)).toBeLessThan(
          500,
        )
      }),
      OPTIONS,
    )
    expect(unforeseen()).toEqual([])
  },
  PATIENCE_MS,
)

test(
  "words with NUL and halves of characters are kept, without those",
  async () => {
    const unit = fc.constantFrom("\0", "\ud83d", "\udc4d", "a", "\u{1f44d}", " ", "\n", "\\u0000", "\\")
    const said = fc.string({ unit, maxLength: 30 }).map((text) => `w${++count}z ${text} end`)
    const kept = (text: string) => text.replaceAll("\0", "").toWellFormed()
    await fc.assert(
      fc.asyncProperty(said, async (text) => {
        const path = "/webhooks/telegram"
        const update = JSON.parse(edge.delivery(path, ++count).body.toString())
        update.message.text = text
        expect(await send(edge.delivery(path, count, Buffer.from(JSON.stringify(update))))).toBe(200)
        const rows = await edge.query(
          sql`select payload ->> 'text' as text from inbox where external_id = ${String(count)}`,
        )
        expect(rows).toEqual([{ text: kept(text) }])
      }),
      { ...OPTIONS, numRuns: Math.ceil(OPTIONS.numRuns / 3) },
    )
  },
  PATIENCE_MS,
)
