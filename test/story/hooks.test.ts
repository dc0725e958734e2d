/** Another program posts: the owner makes a webhook, and only what its secret signs becomes a message, once. */
import fc from "fast-check"
import { afterAll, beforeAll, expect, test } from "vitest"
import { vigil } from "../cli/command.ts"
import { signed } from "../support/mail-stand-in.ts"
import { type Product, startProduct, TOKEN } from "../support/product.ts"

const WAIT = { timeout: 60_000 }
const SCHEMA = { type: "object", properties: { service: { type: "string" } }, required: ["service"] }
let product: Product
let secret: string

beforeAll(async () => {
  product = await startProduct()
  const hook = { action: { kind: "say", text: "Deployed: {{payload}}" }, schema: SCHEMA }
  const made = await product.api<{ path: string; secret: string }>("/api/v1/hooks/deploy", {
    method: "PUT",
    body: hook,
  })
  expect(made.path).toBe("/webhooks/in/deploy")
  secret = made.secret
})
afterAll(async () => await product.stop())

function post(
  body: string | Uint8Array<ArrayBuffer>,
  { name = "deploy", headers = signed(secret, body, new Date()) as Record<string, string>, key = "" } = {},
) {
  return product.ask(`/webhooks/in/${name}`, {
    method: "POST",
    body,
    headers: { "content-type": "application/json", ...headers, ...(key ? { "idempotency-key": key } : {}) },
  })
}
async function runs(): Promise<{ kind: string; state: string }[]> {
  return (await product.api<{ runs: { kind: string; state: string }[] }>("/api/v1/runs")).runs.filter(
    ({ kind }) => kind === "hook",
  )
}
const body = (service: string) => JSON.stringify({ service })
const errorOf = async (response: Response) => (await response.json()) as { error: { code: string; message: string } }

test("a signed delivery reaches the owner, once, however often it comes", async () => {
  const raw = body("shop")
  const headers = signed(secret, raw, new Date())
  const answers = await Promise.all(Array.from({ length: 20 }, () => post(raw, { headers })))
  expect(answers.map(({ status }) => status).sort()).toEqual([...Array.from({ length: 19 }, () => 200), 202])
  await expect.poll(async () => (await runs()).map(({ state }) => state), WAIT).toEqual(["done"])
  const { thread } = await product.say("/status")
  const { messages } = await product.api<{ messages: { text: string }[] }>(`/api/v1/threads/${thread}/messages`)
  expect(messages.some(({ text }) => /^Deployed: "[^"]*shop/.test(text))).toBe(true)
  // Signed again a moment later, it is still the same body.
  expect((await post(raw, { headers: signed(secret, raw, new Date(Date.now() + 2000)) })).status).toBe(200)
})

test("a key makes one body two deliveries, and one key one; a captured signature makes none", async () => {
  const raw = body("key")
  const at = (seconds: number) => signed(secret, raw, new Date(Date.now() + seconds * 1000))
  const captured = at(0)
  expect((await post(raw, { headers: captured, key: "one" })).status).toBe(202)
  expect((await post(raw, { headers: at(5), key: "two" })).status).toBe(202)
  expect((await post(raw, { headers: at(10), key: "one" })).status).toBe(200)
  expect((await post(raw, { headers: captured, key: "three" })).status).toBe(200)
})

test("what is not signed with the hook's secret, now, is refused and leaves nothing", async () => {
  const before = (await runs()).length
  const raw = body("intruder")
  const old = signed(secret, raw, new Date(Date.now() - 302_000))
  for (const headers of [{}, signed("another", raw, new Date()), signed("", raw, new Date()), old]) {
    const answer = await post(raw, { headers })
    expect([answer.status, (await errorOf(answer)).error.code]).toEqual([401, "bad_signature"])
  }
  const header = signed(secret, raw, new Date())["x-vigil-signature"] ?? ""
  await fc.assert(
    fc.asyncProperty(fc.nat(raw.length * 8 - 1), async (bit) => {
      const bytes = Uint8Array.from(Buffer.from(raw))
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect((await post(bytes, { headers: { "x-vigil-signature": header } })).status).toBe(401)
    }),
    { numRuns: 40 },
  )
  expect((await runs()).length).toBe(before)
})

test("an unknown name is 404 to who signs, 401 to who does not, and costs the vault nothing", async () => {
  const raw = body("x")
  for (const name of ["nobody", "Deploy", "..%2f..", "a".repeat(60)])
    for (const [headers, status] of [
      [{}, 401],
      [signed(secret, raw, new Date()), 404],
    ] as const)
      expect((await post(raw, { name, headers })).status).toBe(status)
  const { secrets } = await product.api<{ secrets: { name: string; refused: number }[] }>("/api/v1/secrets")
  expect(secrets).toMatchObject([{ name: "HOOK_DEPLOY", refused: 0 }])
})

test("a payload that does not fit its schema is 422 with the reasons; what is no JSON is 400", async () => {
  const answer = await post('{"service": 7}')
  expect(answer.status).toBe(422)
  expect((await errorOf(answer)).error).toMatchObject({
    code: "invalid_payload",
    message: expect.stringContaining("service: "),
  })
  const broken = Uint8Array.from([0x22, 0xff, 0x22])
  for (const raw of ["", "{", broken, `${"[".repeat(100_000)}`]) expect((await post(raw)).status).toBe(400)
  expect([422, 400]).toContain((await post("[".repeat(60_000) + "]".repeat(60_000))).status)
  // After they were put right, the same delivery is a new one.
  expect((await post(body("fixed"))).status).toBe(202)
})

test("the owner alone makes hooks, and no list shows a secret", async () => {
  expect((await product.ask("/api/v1/hooks")).status).toBe(401)
  expect((await product.ask("/api/v1/hooks/x", { method: "PUT" })).status).toBe(401)
  const changed = { action: { kind: "say", text: "Now: {{payload}}" }, schema: SCHEMA }
  const again = await product.api<{ secret: string | null }>("/api/v1/hooks/deploy", { method: "PUT", body: changed })
  expect(again.secret).toBeNull()
  const [listed, one, secrets] = [
    await product.api("/api/v1/hooks"),
    await product.api("/api/v1/hooks/deploy"),
    await product.api("/api/v1/secrets"),
  ]
  expect(one).toMatchObject({ name: "deploy", action: { text: "Now: {{payload}}" } })
  expect(JSON.stringify([listed, one, secrets])).not.toContain(secret)
  const bad = { action: { kind: "say", text: "x" }, schema: { minimum: 3 } }
  await expect(product.api("/api/v1/hooks/other", { method: "PUT", body: bad })).rejects.toThrow(/422.*bad_schema/)
  await expect(product.api("/api/v1/hooks/BAD_NAME", { method: "PUT", body: changed })).rejects.toThrow(/400/)
})

test("the terminal makes one, lists it, and takes it away with its secret", async () => {
  const given = { env: { VIGIL_URL: product.url, VIGIL_TOKEN: TOKEN } }
  const added = await vigil(["hooks", "add", "night-build", "--do", "sum up {{payload}}", "--tool", "recall"], given)
  const [path, made = ""] = added.stdout.trim().split("\n")
  expect([added.code, path, made]).toEqual([0, "/webhooks/in/night-build", expect.stringMatching(/^[0-9a-f]{64}$/)])
  expect((await vigil(["hooks"], given)).stdout).toMatch(/night-build\s+do\s+sum up \{\{payload\}\}\s+recall/)
  expect((await vigil(["hooks", "add", "x"], given)).code).toBe(2)
  const raw = "{}"
  expect((await post(raw, { name: "night-build", headers: signed(made, raw, new Date()) })).status).toBe(202)
  expect((await vigil(["hooks", "remove", "night-build"], given)).code).toBe(0)
  expect((await post("[]", { name: "night-build", headers: signed(made, "[]", new Date()) })).status).toBe(404)
  expect((await vigil(["hooks", "remove", "night-build"], given)).code).toBe(1)
  expect(JSON.stringify(await product.api("/api/v1/secrets"))).not.toContain("HOOK_NIGHT_BUILD")
})
