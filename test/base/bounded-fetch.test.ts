import { afterAll, beforeAll, expect, test } from "vitest"
import { createBoundedFetch } from "../../src/base/bounded-fetch.ts"
import { Retry, Uncertain } from "../../src/base/errors.ts"
import { type StandIn, startStandIn } from "../support/stand-in.ts"

let server: StandIn
const limits = { timeoutMs: 5_000, maxBytes: 1_000 }

beforeAll(async () => {
  server = await startStandIn((asked) => ({
    status: 200,
    body: "x".repeat(Number(asked.url.searchParams.get("n") ?? 3)),
  }))
})
afterAll(async () => await server.stop())

test("an answer within the limits comes through with status and headers", async () => {
  const response = await createBoundedFetch(limits)(`${server.url}/?n=1000`)
  expect([response.status, (await response.text()).length, response.headers.get("content-type")]).toEqual([
    200,
    1000,
    "text/html",
  ])
})

test("an answer over the size limit is cut off", async () => {
  await expect(createBoundedFetch(limits)(`${server.url}/?n=1001`)).rejects.toMatchObject({ code: "answer_too_large" })
})

test("a refused connection surely did not arrive", async () => {
  const gone = await startStandIn(() => ({ status: 200 }))
  await gone.stop()
  await expect(createBoundedFetch(limits)(gone.url)).rejects.toBeInstanceOf(Retry)
})

test("a connection that breaks after the request left is uncertain", async () => {
  server.trouble({ lose: true })
  await expect(createBoundedFetch(limits)(server.url, { method: "POST", body: "x" })).rejects.toBeInstanceOf(Uncertain)
})

test("an answer that does not come in time is uncertain", async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  server.trouble({ hold: promise })
  await expect(createBoundedFetch({ ...limits, timeoutMs: 50 })(server.url)).rejects.toMatchObject({
    name: "Uncertain",
    code: "timeout",
  })
  resolve()
})

test("a call cancelled before it began may be repeated; one cancelled in flight says that it was cancelled", async () => {
  await expect(createBoundedFetch(limits)(server.url, { signal: AbortSignal.abort() })).rejects.toBeInstanceOf(Retry)
  const { promise, resolve } = Promise.withResolvers<void>()
  server.trouble({ hold: promise })
  const stop = new AbortController()
  const call = createBoundedFetch(limits)(server.url, { signal: stop.signal })
  const before = server.asked.length
  while (server.asked.length === before) await new Promise((next) => setImmediate(next))
  stop.abort()
  await expect(call).rejects.toMatchObject({ name: "AbortError" })
  resolve()
})
