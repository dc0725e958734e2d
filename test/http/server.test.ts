import { request } from "node:http"
import { sql } from "drizzle-orm"
import { afterEach, expect, test } from "vitest"
import { Deny, Fenced, Limit, Misconfigured, Reject, Retry, Uncertain } from "../../src/base/errors.ts"
import { answerTo } from "../../src/http/errors.ts"
import { SPEND } from "../cli/answers.ts"
import { type House, type HouseOptions, house, sending } from "./everything.ts"

const open: House[] = []
async function serve(options: HouseOptions = {}): Promise<House> {
  const made = await house(options)
  open.push(made)
  return made
}
afterEach(async () => {
  for (const h of open.splice(0)) await h.stop()
})

const coded = (message: string, code: string) => Object.assign(new Error(message), { code })

test("each of our errors has its status", () => {
  const status = (error: unknown) => answerTo(error)?.status
  expect(status(new Reject(418, "x"))).toBe(418)
  expect(status(new Deny("x"))).toBe(403)
  expect(status(new Limit("money", "x"))).toBe(429)
  expect(status(new Fenced())).toBe(409)
  expect(status(new Uncertain("x"))).toBe(502)
  expect(answerTo(new Retry("x", { afterMs: 4200 }))).toMatchObject({ status: 503, retryAfter: 5 })
  expect(answerTo(new Misconfigured("x", { fix: "do y" }))).toMatchObject({ status: 503, fix: "do y" })
  for (const code of ["57P01", "08006", "53300", "53200", "58030", "CONNECTION_CLOSED", "ECONNREFUSED"])
    expect(answerTo(coded("x", code))).toMatchObject({ status: 503, code: "database_away", retryAfter: 2 })
  expect(answerTo(coded("could not extend file", "53100"))).toMatchObject({
    status: 503,
    code: "disk_full",
    retryAfter: 30,
  })
  expect(answerTo(coded("x", "22021"))).toMatchObject({ status: 400, code: "bad_text" })
  expect(answerTo(coded("x", "23505"))).toBeNull()
  expect(answerTo(new Error("x"))).toBeNull()
})

test("what nobody foresaw is 500 with an id that the log has, and no stack or message", async () => {
  const h = await serve({ features: { spend: async () => Promise.reject(new Error("the inside of the house")) } })
  const answer = await h.ask("/api/v1/spend")
  const text = await answer.text()
  expect(answer.status).toBe(500)
  expect(text).not.toContain("inside")
  expect(text).not.toContain(".ts")
  const line = h.lines.find((one) => one.event === "request_failed")
  expect(text).toContain(String(line?.fields.id))
})

test("health is alive without the database, readiness and messages say 503 and when to come back", async () => {
  const h = await serve()
  const ready = await fetch(`${h.url}/readyz`)
  expect([ready.status, await ready.json()]).toEqual([200, { ready: true, reasons: [] }])
  await h.database.db.close()
  expect((await fetch(`${h.url}/healthz`)).status).toBe(200)
  const unready = await fetch(`${h.url}/readyz`)
  expect([unready.status, unready.headers.get("retry-after")]).toEqual([503, "2"])
  const refused = await h.ask("/api/v1/messages", sending({ text: "anybody?" }))
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "2"])
  expect(await refused.json()).toMatchObject({ error: { code: "database_away" } })
  const metrics = await fetch(`${h.url}/metrics`)
  expect(metrics.status).toBe(200)
  expect(await metrics.text()).toContain("vigil_database_up 0")
  h.database.drop = async () => {}
  h.s.stop = async () => {}
})

test("readiness names a foreign schema and a queue that does not run", async () => {
  const h = await serve({ isQueueReady: () => false })
  await h.database.db.query(sql`update drizzle.__drizzle_migrations set name = '20990101000000_later'`)
  const answer = await fetch(`${h.url}/readyz`)
  expect(answer.status).toBe(503)
  const { reasons } = (await answer.json()) as { reasons: string[] }
  expect(reasons[0]).toContain("20990101000000_later")
  expect(reasons[1]).toBe("the queue is not running")
})

test("metrics count runs, messages and jobs, and are closed to the outside without the token", async () => {
  const h = await serve()
  await h.ask("/api/v1/messages", sending({ text: "count me" }))
  const text = await (await fetch(`${h.url}/metrics`)).text()
  expect(text).toMatch(/^vigil_inbox\{state="new"\} 1$/m)
  expect(text).toMatch(/^vigil_threads\{state="waiting"\} 1$/m)
  expect(text).toMatch(/^vigil_queue_jobs\{queue="turn"\} \d+$/m)
  expect(text).toMatch(/^process_resident_memory_bytes \d+$/m)
  const outside = { "x-forwarded-for": "203.0.113.9" }
  expect((await fetch(`${h.url}/metrics`, { headers: outside })).status).toBe(401)
  expect((await h.ask("/metrics", { headers: outside })).status).toBe(200)
})

test("a worker's process serves health and metrics and nothing else", async () => {
  const h = await serve({ role: "worker" })
  for (const path of ["/healthz", "/readyz", "/metrics"]) expect((await fetch(`${h.url}${path}`)).status).toBe(200)
  for (const path of ["/", "/start", "/api/v1/status", "/webhooks/telegram"])
    expect((await h.ask(path)).status).toBe(404)
})

test("an address that asks too often is told to wait, webhooks on their own account", async () => {
  const h = await serve({ limits: { perMinute: 3, webhooksPerMinute: 2 } })
  const statuses = []
  for (let i = 0; i < 5; i++) statuses.push((await h.ask("/api/v1/spend")).status)
  expect(statuses).toEqual([200, 200, 200, 429, 429])
  const limited = await h.ask("/api/v1/spend")
  expect(limited.headers.get("retry-after")).toMatch(/^\d+$/)
  expect(await limited.json()).toMatchObject({ error: { code: "rate_limited" } })
  const hooks = []
  for (let i = 0; i < 3; i++) hooks.push((await fetch(`${h.url}/webhooks/telegram`, sending({}))).status)
  expect(hooks).toEqual([401, 401, 429])
})

test("overload is answered 503 at once, health is not", async () => {
  let delay = 0
  const late = await serve({ limits: { delayMs: () => delay, maxDelayMs: 1000 } })
  delay = 2100
  const refused = await late.ask("/api/v1/spend")
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "5"])
  expect((await fetch(`${late.url}/healthz`)).status).toBe(200)
  delay = 0
  expect((await late.ask("/api/v1/spend")).status).toBe(200)
})

test("more requests at once than can be worked on are refused; streams do not count", async () => {
  const held = Promise.withResolvers<void>()
  const entered = Promise.withResolvers<void>()
  const spend = async () => {
    entered.resolve()
    await held.promise
    return SPEND
  }
  const h = await serve({ limits: { maxInFlight: 1 }, features: { spend } })
  const { thread } = (await (await h.ask("/api/v1/messages", sending({ text: "x" }))).json()) as { thread: string }
  const stop = new AbortController()
  expect((await h.ask(`/api/v1/threads/${thread}/events`, { signal: stop.signal })).status).toBe(200)
  const first = h.ask("/api/v1/spend")
  await entered.promise
  expect((await h.ask("/api/v1/status")).status).toBe(503)
  held.resolve()
  expect((await first).status).toBe(200)
  expect((await h.ask("/api/v1/status")).status).toBe(200)
  stop.abort()
})

test("streams are as many as allowed, and a closed one makes room", async () => {
  const h = await serve({ limits: { maxStreams: 1 } })
  const { thread } = (await (await h.ask("/api/v1/messages", sending({ text: "x" }))).json()) as { thread: string }
  const stop = new AbortController()
  const events = () => h.ask(`/api/v1/threads/${thread}/events`, { signal: AbortSignal.any([stop.signal]) })
  await events()
  expect((await events()).status).toBe(503)
  stop.abort()
  const status = async () => {
    const answer = await h.ask(`/api/v1/threads/${thread}/events`)
    await answer.body?.cancel()
    return answer.status
  }
  await expect.poll(status).toBe(200)
})

test("closing ends streams, waits and idle connections, and finishes what runs", async () => {
  const held = Promise.withResolvers<void>()
  const entered = Promise.withResolvers<void>()
  const spend = async () => {
    entered.resolve()
    await held.promise
    return SPEND
  }
  const h = await serve({ features: { spend } })
  const { thread } = (await (await h.ask("/api/v1/messages", sending({ text: "x" }))).json()) as { thread: string }
  const stream = await h.ask(`/api/v1/threads/${thread}/events`)
  const wait = h.ask("/api/v1/messages", sending({ text: "y" }, { prefer: "wait=60" }))
  const running = h.ask("/api/v1/spend")
  await entered.promise
  await expect.poll(() => h.s.db.query(sql`select 1 from inbox where payload ->> 'text' = 'y'`)).toHaveLength(1)
  const closed = h.app.close()
  await stream.text()
  expect((await wait).status).toBe(202)
  held.resolve()
  expect(await (await running).json()).toEqual(SPEND)
  await closed
  await expect(fetch(`${h.url}/healthz`)).rejects.toThrow()
})

test("every answer carries the headers that keep pages safe", async () => {
  const h = await serve()
  for (const path of ["/", "/healthz", "/api/v1/nothing", "/nowhere"]) {
    const { headers } = await fetch(`${h.url}${path}`)
    expect(headers.get("content-security-policy")).toContain("default-src 'none'; script-src 'self'; style-src 'self'")
    expect(headers.get("content-security-policy")).not.toContain("unsafe")
    expect(headers.get("x-content-type-options")).toBe("nosniff")
    expect(headers.get("cache-control")).toBe("no-store")
  }
})

test("an unknown page is 404 in plain text, for htmx as an escaped fragment", async () => {
  const h = await serve()
  const page = await fetch(`${h.url}/nowhere`)
  expect([page.status, page.headers.get("content-type")]).toEqual([404, "text/plain; charset=utf-8"])
  const cookie = await h.cookie()
  const fragment = await fetch(`${h.url}/runs/${encodeURIComponent("<script>alert(1)</script>")}`, {
    headers: { cookie, "hx-request": "true" },
  })
  expect(fragment.status).toBe(400)
  expect(await fragment.text()).toMatch(/^<p class="error" role="alert">.*&#60;script&#62;/)
})

test("a request that breaks HTTP is refused without a trace", async () => {
  const h = await serve()
  const { port } = new URL(h.url)
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, path: "/api/v1/runs/%E0%A4%A", headers: {} }, (answer) => {
      answer.resume()
      resolve(answer.statusCode)
    })
    sent.once("error", reject).end()
  })
  expect(status).toBe(400)
})
