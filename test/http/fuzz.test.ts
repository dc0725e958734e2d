/**
 * The webhooks under bytes that nobody meant: whatever comes, no 5xx but 503, no 2xx without a proof, and the next honest
 * delivery is taken. FUZZ_RUNS and FUZZ_SEED make more of it, or the same again.
 */
import { connect } from "node:net"
import { gzipSync } from "node:zlib"
import fc from "fast-check"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { bytesOf, type Edge, type Heard, listen, type Manner, type Raw, ROUTES, startEdge, talk } from "./edge.ts"

const OPTIONS = { numRuns: Number(process.env.FUZZ_RUNS ?? 150), seed: Number(process.env.FUZZ_SEED ?? 20_261_122) }
const PATIENCE_MS = 120_000

let edge: Edge
let count = 0
beforeAll(async () => {
  edge = await startEdge({ headersMs: 2000, requestMs: 3000, cutMs: 100, silenceMs: 4000, maxConnections: 60 })
})
afterAll(() => edge.stop())

/** An honest delivery is taken. */
async function isWell(): Promise<void> {
  const { statuses } = await talk(edge.port, [bytesOf(edge.delivery("/webhooks/twilio", ++count))])
  expect(statuses).toEqual([200])
}

const isRefusal = (status: number) => (status >= 400 && status < 500) || status === 503
function expectRefused({ statuses, text }: Heard): void {
  expect(
    statuses.filter((status) => !isRefusal(status)),
    text.slice(0, 300),
  ).toEqual([])
}

const route = fc.constantFrom(...ROUTES)
const method = fc.oneof(
  { weight: 6, arbitrary: fc.constant("POST") },
  fc.constantFrom("GET", "PUT", "HEAD", "DELETE", "OPTIONS", "TRACE", "PATCH", "BREW", "post"),
)
const PROOFS = ["x-telegram-bot-api-secret-token", "x-twilio-signature", "x-hub-signature-256", "x-vigil-signature"]
const name = fc.oneof(
  fc.constantFrom(
    ...PROOFS,
    "content-type",
    "content-length",
    "transfer-encoding",
    "content-encoding",
    "expect",
    "host",
  ),
  fc.constantFrom(
    "connection",
    "upgrade",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-github-event",
    "x-github-delivery",
  ),
  fc.constantFrom("idempotency-key", "cookie", "authorization", "__proto__", "constructor", "bad name", "", "x:y"),
  fc.stringMatching(/^[!-9;-~]{1,20}$/),
)
const odd = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
  maxLength: 60,
})
const value = fc.oneof(
  odd,
  odd.map((text) => text.replaceAll(/[\0\r\n]/g, " ")),
  fc.constantFrom(
    "application/json",
    "application/json; charset=utf-16",
    "application/x-www-form-urlencoded; charset=x",
  ),
  fc.constantFrom(
    "message/rfc822",
    "multipart/form-data; boundary=x",
    "*/*",
    ";",
    "chunked",
    "gzip, chunked",
    "identity",
  ),
  fc.constantFrom(
    "gzip",
    "deflate",
    "br",
    "zstd",
    "100-continue",
    "websocket",
    "0",
    "-1",
    "1e9",
    "99999999999999999999",
    "5, 6",
  ),
  fc.constantFrom(`t=${"9".repeat(12)},v1=${"0".repeat(64)}`, `sha256=${"0".repeat(64)}`, "sha256=", "null"),
  fc.nat(20_000).map((length) => "v".repeat(length)),
)
const headers = fc.array(fc.tuple(name, value), { maxLength: 12 })

const deep = fc.nat(50_000).map((depth) => `${"[".repeat(depth)}${"]".repeat(depth)}`)
const body = fc.oneof(
  fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
  fc.jsonValue({ noUnicodeString: false }).map((json) => Buffer.from(JSON.stringify(json))),
  fc.jsonValue().map((json) => gzipSync(JSON.stringify(json))),
  deep.map((text) => Buffer.from(text)),
  deep.map((text) => Buffer.from(text.slice(0, text.length / 2))),
  fc
    .constantFrom(
      '{"__proto__":{"a":1}}',
      '{"constructor":{"prototype":{}}}',
      '{"a":"\\ud800"}',
      '{"a":"\\u0000"}',
      "\ufeff{}",
    )
    .map((text) => Buffer.from(text)),
  fc
    .constantFrom("a=%", "a=%00", "MessageSid=%ff&From=&&&==", "=".repeat(3000), "a[b]=c&a[b]=d")
    .map((text) => Buffer.from(text)),
)

/** How the body is said to be framed, which need not be how it is. */
const frame = fc.oneof(
  fc.constant("right"),
  fc.integer({ min: -20, max: 20 }).map(String),
  fc.constantFrom("none", "chunked", "bad chunks", "both", "endless chunk"),
)

function framed(said: string, bytes: Buffer): { lines: string[]; tail: Buffer } {
  if (said === "right") return { lines: [`content-length: ${bytes.length}`], tail: bytes }
  if (said === "none") return { lines: [], tail: bytes }
  const chunk = Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n0\r\n\r\n")])
  const lines = ["transfer-encoding: chunked"]
  if (said === "chunked") return { lines, tail: bytes.length > 0 ? chunk : Buffer.from("0\r\n\r\n") }
  if (said === "bad chunks") return { lines, tail: Buffer.concat([Buffer.from("zz;\r\n"), bytes]) }
  if (said === "endless chunk") return { lines, tail: Buffer.concat([Buffer.from("ffffffffffffffff\r\n"), bytes]) }
  if (said === "both") return { lines: [...lines, `content-length: ${bytes.length}`], tail: chunk }
  return { lines: [`content-length: ${bytes.length + Number(said)}`], tail: bytes }
}

const pieces = (bytes: Buffer, cuts: number[]) => {
  const at = [...new Set([0, ...cuts.map((cut) => Math.floor(cut * bytes.length)), bytes.length])].sort((a, b) => a - b)
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end))
}
const cuts = fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { maxLength: 5 })

describe("without a proof", () => {
  test(
    "no soup of methods, headers, bodies and framings is taken or breaks anything",
    async () => {
      await fc.assert(
        fc.asyncProperty(method, route, headers, body, frame, cuts, async (verb, path, soup, bytes, said, where) => {
          const { lines, tail } = framed(said, bytes)
          const head = [
            `${verb} ${path} HTTP/1.1`,
            "host: edge",
            ...soup.map(([key, text]) => `${key}: ${text}`),
            ...lines,
          ]
          const sent = Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\nconnection: close\r\n\r\n`, "latin1"), tail])
          expectRefused(await talk(edge.port, pieces(sent, where), { end: "half" }))
        }),
        OPTIONS,
      )
      await isWell()
    },
    PATIENCE_MS,
  )

  test(
    "nor are bytes that are no HTTP at all",
    async () => {
      const bytes = fc.oneof(
        fc.uint8Array({ minLength: 1, maxLength: 300 }).map((list) => Buffer.from(list)),
        odd.map((text) => Buffer.from(`POST ${text} HTTP/1.1\r\n\r\n`, "latin1")),
        odd.map((text) =>
          Buffer.from(
            `POST /webhooks/in/${text} HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`,
            "latin1",
          ),
        ),
        fc
          .constantFrom("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00", "GET / HTTP/9.9\r\n\r\n")
          .map((text) => Buffer.from(text, "latin1")),
      )
      await fc.assert(
        fc.asyncProperty(bytes, cuts, async (sent, where) =>
          expectRefused(await talk(edge.port, pieces(sent, where), { end: "half" })),
        ),
        OPTIONS,
      )
      await isWell()
    },
    PATIENCE_MS,
  )

  test("many requests on one connection are answered one by one, each for itself", async () => {
    const honest = edge.delivery("/webhooks/twilio", ++count)
    const keep = (raw: Raw) =>
      Buffer.from(bytesOf(raw).toString("latin1").replace("connection: close", "x: y"), "latin1")
    const forged = {
      ...honest,
      headers: honest.headers.map(([key, text]): [string, string] => [
        key,
        key === "x-twilio-signature" ? `AA${text.slice(2)}` : text,
      ]),
    }
    const all = Array.from({ length: 50 }, (_, n) => keep(n % 10 === 9 ? honest : forged))
    const { statuses } = await talk(edge.port, [Buffer.concat(all)], { answers: 50 })
    expect(statuses).toEqual(all.map((_, n) => (n % 10 === 9 ? 200 : 403)))
  })
})

/** Far beyond every limit: whoever reads it all before refusing takes seconds. */
const HUGE = 400 * 1024 * 1024

describe("a body that is too large", () => {
  test.each(ROUTES)("is 413 after its headers: %s", async (path) => {
    const { headers: given } = edge.delivery(path, 1)
    const head = [
      `POST ${path} HTTP/1.1`,
      "host: edge",
      ...given.map(([key, text]) => `${key}: ${text}`),
      `content-length: ${HUGE}`,
    ]
    const { statuses } = await talk(edge.port, [Buffer.from(`${head.join("\r\n")}\r\n\r\n`)])
    expect(statuses).toEqual([413])
    await isWell()
  })

  test("without a length is refused at the limit", async () => {
    const { headers: given } = edge.delivery("/webhooks/twilio", 1)
    const head = [
      "POST /webhooks/twilio HTTP/1.1",
      "host: edge",
      ...given.map(([key, text]) => `${key}: ${text}`),
      "transfer-encoding: chunked",
    ]
    const chunk = Buffer.from(`4000\r\n${"x".repeat(0x4000)}\r\n`)
    const { statuses } = await talk(edge.port, [
      Buffer.from(`${head.join("\r\n")}\r\n\r\n`),
      ...Array.from({ length: 4000 }, () => chunk),
    ])
    expect(statuses.filter((status) => status !== 413)).toEqual([])
    await isWell()
  })

  test("many at once take no more memory than the server keeps for them, and a small one passes them", async () => {
    const bytes = 20 * 1024 * 1024
    const { headers: given } = edge.delivery("/webhooks/github", 1)
    const head = [
      "POST /webhooks/github HTTP/1.1",
      "host: edge",
      ...given.map(([key, text]) => `${key}: ${text}`),
      `content-length: ${bytes}`,
    ]
    const sockets = Array.from({ length: 12 }, () => {
      const socket = connect(edge.port, "127.0.0.1")
      socket.write(`${head.join("\r\n")}\r\n\r\n{`)
      return listen(socket, 1)
    })
    const statuses = (await Promise.all(sockets)).flatMap((heard) => heard.statuses)
    await isWell()
    // Three of twenty megabytes fit; they are cut as too slow.
    expect(statuses.toSorted()).toEqual([
      ...Array.from({ length: 3 }, () => 408),
      ...Array.from({ length: 9 }, () => 503),
    ])
  })

  test("is not read at all when it carries no proof", async () => {
    const head = `POST /webhooks/github HTTP/1.1\r\nhost: edge\r\ncontent-type: application/json\r\ncontent-length: ${20 * 1024 * 1024}\r\n\r\n{`
    expect((await talk(edge.port, [Buffer.from(head)])).statuses).toEqual([401])
  })
})

describe("a slow or broken sender", () => {
  const head = "POST /webhooks/twilio HTTP/1.1\r\nhost: edge\r\n"
  /** Sends one byte after the other for as long as it is let; says how long that was. */
  async function drip(first: string, byte: string): Promise<Heard & { ms: number }> {
    const start = performance.now()
    const socket = connect({ port: edge.port, host: "127.0.0.1", noDelay: true })
    const heard = listen(socket, 1)
    socket.write(first)
    const dripping = setInterval(() => socket.write(byte), 20)
    const { statuses, text } = await heard
    clearInterval(dripping)
    return { statuses, text, ms: performance.now() - start }
  }
  const signed = () =>
    edge
      .delivery("/webhooks/twilio", ++count)
      .headers.map(([key, text]) => `${key}: ${text}\r\n`)
      .join("")

  test.each([
    ["says nothing", "", ""],
    ["never ends its headers", head, "a"],
    ["never ends a header's line", `${head}x-slow: `, "b"],
    [
      "never ends its body",
      `${head}content-length: 60000\r\ncontent-type: application/x-www-form-urlencoded\r\nx-twilio-signature: s\r\n\r\n`,
      "c",
    ],
  ])("that %s is cut in time", async (_what, first, byte) => {
    const { statuses, ms } = await drip(first, byte)
    expect(statuses.filter((status) => status !== 408)).toEqual([])
    expect(ms).toBeLessThan(60_000)
    await isWell()
  })

  test("does not take the place of the others, however many there are", async () => {
    const slow = Array.from({ length: 40 }, () => {
      const socket = connect(edge.port, "127.0.0.1")
      socket.write(`${head}${signed()}content-length: 60000\r\n\r\nM`)
      return listen(socket, 1)
    })
    await isWell()
    await Promise.all(slow)
  })

  test("beyond the connections there may be is closed at once, and when others went there is room", async () => {
    const held = Array.from({ length: 80 }, () => listen(connect(edge.port, "127.0.0.1"), 1))
    await expect.poll(() => edge.connections()).toBeLessThanOrEqual(60)
    await Promise.all(held)
    await isWell()
  })

  test(
    "that asks and asks and never listens is cut, and holds little meanwhile",
    async () => {
      const socket = connect(edge.port, "127.0.0.1")
      socket.on("error", () => {})
      socket.pause()
      const ask = Buffer.from("GET /healthz HTTP/1.1\r\nhost: edge\r\n\r\n".repeat(5000))
      const before = process.memoryUsage().rss
      for (let n = 0; n < 200 && !socket.destroyed && socket.writableLength < 50_000_000; n++) socket.write(ask)
      await new Promise<void>((resolve) => socket.once("close", () => resolve()))
      expect(process.memoryUsage().rss - before).toBeLessThan(250_000_000)
      await isWell()
    },
    PATIENCE_MS,
  )

  test(
    "that hangs up or breaks off in the middle changes nothing",
    async () => {
      const end = fc.constantFrom("half", "reset") as fc.Arbitrary<NonNullable<Manner["end"]>>
      await fc.assert(
        fc.asyncProperty(route, fc.double({ min: 0, max: 0.99, noNaN: true }), end, async (path, share, how) => {
          const all = bytesOf(edge.delivery(path, ++count))
          const before = await edge.taken()
          const { statuses } = await talk(edge.port, [all.subarray(0, Math.floor(all.length * share))], { end: how })
          expect(statuses.filter((status) => !isRefusal(status))).toEqual([])
          expect(await edge.taken()).toBe(before)
        }),
        { ...OPTIONS, numRuns: Math.ceil(OPTIONS.numRuns / 3) },
      )
      await isWell()
    },
    PATIENCE_MS,
  )
})

test("afterwards no connection is open and nothing was unforeseen", async () => {
  await expect.poll(() => edge.connections()).toBe(0)
  expect(
    edge.lines.filter(({ event }) => event === "request_failed").map(({ fields }) => (fields.error as Error).stack),
  ).toEqual([])
})
