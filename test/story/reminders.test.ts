/** A reminder comes at its time, once, also when nobody was running at that time. */
import { afterEach, expect, test } from "vitest"
import { type Home, home, type Product, type RunningClock, runningClock, startProduct } from "../support/product.ts"

const WAIT = { timeout: 60_000 }
const MINUTE = 60_000

let product: Product | undefined
let place: Home | undefined

afterEach(async () => {
  await product?.stop()
  await place?.remove()
  product = undefined
  place = undefined
})

async function started(clock: RunningClock): Promise<Product> {
  product = await startProduct({ clock, ...(place ? { home: place } : {}) })
  return product
}

interface Letter {
  from: string
  text: string
}

/** What it said on a thread so far, oldest first. */
async function told(at: Product, thread: string): Promise<string[]> {
  const { messages } = await at.api<{ messages: Letter[] }>(`/api/v1/threads/${thread}/messages`)
  return messages.filter((letter) => letter.from === "vigil").map((letter) => letter.text)
}

test("a reminder for in twenty minutes comes then, and only once", async () => {
  const clock = runningClock("2026-05-12T09:00:00Z")
  const at = await started(clock)
  const said = await at.say("remind me to call mum in 20 minutes")
  expect(said.reply).toMatch(/^Reminder #\d+ set for .*10:20 AM.*"call mum"/)
  await at.say("remind me to drink water in 30 minutes")
  const reminders = async () => (await told(at, said.thread)).filter((text) => text.startsWith("Reminder: "))
  expect(await reminders()).toEqual([])

  clock.pass(21 * MINUTE)
  await expect.poll(reminders, WAIT).toEqual(["Reminder: call mum"])
  clock.pass(10 * MINUTE)
  await expect.poll(reminders, WAIT).toEqual(["Reminder: call mum", "Reminder: drink water"])
})

test("a reminder that came due while nothing ran is given after the next start, once, and says that it is late", async () => {
  const clock = runningClock("2026-05-12T09:00:00Z")
  place = await home()
  const before = await started(clock)
  const said = await before.say("remind me to call mum in 20 minutes")
  await before.say("remind me to drink water in 3 hours")
  await before.stop()
  product = undefined

  clock.pass(60 * MINUTE)
  const after = await started(clock)
  const reminders = async () => (await told(after, said.thread)).filter((text) => text.startsWith("Reminder: "))
  const late = "Reminder: call mum (due at 10:20 AM, 40 minutes late)"
  await expect.poll(reminders, WAIT).toEqual([late])
  clock.pass(121 * MINUTE)
  await expect.poll(reminders, WAIT).toEqual([late, "Reminder: drink water"])
})
