import { fastify } from "fastify"
import { expect, onTestFinished, test } from "vitest"
import { installOverload } from "../../src/http/overload.ts"

/** A server whose requests end when they are let, on a clock that only the test moves. */
async function serve(options: { maxInFlight?: number; maxWaitMs?: number } = {}) {
  const clock = { ms: 1000 }
  const waiting: (() => void)[] = []
  const app = fastify()
  const overload = installOverload(app, {
    maxInFlight: 1000,
    maxWaitMs: 5000,
    maxDelayMs: 1000,
    delayMs: () => 0,
    now: () => clock.ms,
    ...options,
  })
  app.get("/work", async () => {
    await new Promise<void>((resolve) => waiting.push(resolve))
    return "done"
  })
  app.get("/quick", async () => "done")
  app.setErrorHandler((_error, _request, reply) => reply.code(503).send())
  const url = await app.listen({ host: "127.0.0.1", port: 0 })
  onTestFinished(async () => {
    for (const end of waiting.splice(0)) end()
    await app.close()
    overload.stop()
  })
  const under = async (count: number) => {
    const started = Array.from({ length: count }, () => fetch(`${url}/work`))
    await expect.poll(() => waiting.length).toBe(count)
    return started
  }
  /** Lets so many end, one after the other. */
  const end = async (started: Promise<Response>[], count: number) => {
    for (let n = 0; n < count; n++) {
      waiting.shift()?.()
      await (await started.shift())?.text()
    }
  }
  return { overload, clock, under, end, quick: async () => (await fetch(`${url}/quick`)).status }
}

test("when what is under way moves too slowly for one more, it is refused, and taken again when the pace is back", async () => {
  const s = await serve()
  const started = await s.under(40)
  s.clock.ms += 2000
  // None of forty in two seconds: whoever came now would wait more than five.
  expect(await s.quick()).toBe(503)
  s.clock.ms += 100
  await s.end(started, 20)
  await expect.poll(() => s.overload.inFlight()).toBe(20)
  s.clock.ms += 900
  expect(await s.quick()).toBe(200)
})

test("few at once are never too many, however long they take, and nobody is judged at once", async () => {
  const s = await serve()
  await s.under(15)
  s.clock.ms += 60_000
  expect(await s.quick()).toBe(200)
  const t = await serve()
  await t.under(40)
  expect(await t.quick()).toBe(200)
})

test("many at once that move on are no overload", async () => {
  const s = await serve()
  const started = await s.under(60)
  s.clock.ms += 500
  await s.end(started, 30)
  s.clock.ms += 600
  expect(await s.quick()).toBe(200)
})

test("who leaves before the answer is no longer counted", async () => {
  const s = await serve({ maxInFlight: 1 })
  expect(await s.quick()).toBe(200)
  await expect.poll(() => s.overload.inFlight()).toBe(0)
  expect(await s.quick()).toBe(200)
})
