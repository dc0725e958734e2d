/** Several worker processes, one bot: one of them polls, and when it is gone another goes on within seconds. */
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { databaseKind } from "../support/database.ts"
import { type Home, home, type Product, startProduct } from "../support/product.ts"
import { start as startTelegram, type TelegramStandIn } from "../support/telegram-stand-in.ts"

const WAIT = { timeout: 60_000 }
const OWNER = 4242

describe.skipIf(databaseKind === "pglite")("on Postgres, which several processes share", () => {
  let telegram: TelegramStandIn
  let place: Home
  let running: Product[]

  beforeEach(async () => {
    telegram = await startTelegram()
    place = await home()
    running = []
  })
  afterEach(async () => {
    await Promise.all(running.map((product) => product.stop()))
    await place.remove()
    await telegram.stop()
  })

  async function begin(role: "worker" | "web"): Promise<Product> {
    const product = await startProduct({
      home: place,
      role,
      env: {
        DATABASE_URL: place.url,
        ...telegram.env,
        OWNER_TELEGRAM_ID: String(OWNER),
      },
    })
    running.push(product)
    return product
  }

  const polls = (product: Product) =>
    product.lines.some(({ event, fields }) => event === "sole_held" && fields.name === "telegram:666")
  const asks = () => telegram.methods().filter((method) => method === "getUpdates").length
  async function ping(n: number): Promise<string> {
    await telegram.say({ from: OWNER, text: "ping" })
    await expect.poll(() => telegram.sent.length, WAIT).toBeGreaterThan(n)
    return telegram.sent[n]?.text ?? ""
  }

  test("one worker polls, the web process and the other worker do not, and a stopped one is followed", async () => {
    const [web, one, two] = [await begin("web"), await begin("worker"), await begin("worker")]
    await expect.poll(() => polls(one) || polls(two), WAIT).toBe(true)
    expect(await ping(0)).toContain("I am here")
    const [holder, other] = polls(one) ? [one, two] : [two, one]
    expect([polls(other), polls(web)]).toEqual([false, false])
    const before = asks()
    const right = async () => (await web.app.infrastructure.kv.get("sole", "telegram:666"))?.value
    const held = await right()
    expect(held).toBeDefined()
    await holder.stop()
    running = [web, other]
    // Given back, or taken over already: nobody has to wait until it runs out.
    expect(await right()).not.toEqual(held)
    await expect.poll(() => polls(other), WAIT).toBe(true)
    expect(await ping(1)).toContain("I am here")
    expect(asks()).toBeGreaterThan(before)
    expect(telegram.sent.length).toBe(2)
  })

  test("one that died without a word is followed once its time is over", async () => {
    const one = await begin("worker")
    await expect.poll(() => polls(one), WAIT).toBe(true)
    // As a killed process leaves it: the row says that it holds the poll, and nobody renews it.
    const { kv, db } = one.app.infrastructure
    const held = await kv.get("sole", "telegram:666")
    await one.stop()
    running = []
    const place2 = await begin("web")
    const { infrastructure } = place2.app
    expect(db.kind).toBe("postgres")
    const endsIn = (ms: number) =>
      infrastructure.kv.set(infrastructure.db, "sole", "telegram:666", held?.value, {
        expiresAt: new Date(Date.now() + ms),
      })
    await endsIn(3600_000)
    const two = await begin("worker")
    expect(polls(two)).toBe(false)
    await endsIn(1000)
    await expect.poll(() => polls(two), WAIT).toBe(true)
    expect(await ping(0)).toContain("I am here")
  })
})
