/** Somebody new is let in: the owner makes a code anywhere, the stranger texts it, and from then on just talks. */
import { afterEach, beforeEach, expect, test } from "vitest"
import { OWNER_PHONE, type Product, PUBLIC_URL, startProduct } from "../support/product.ts"
import { start as startTwilio, type TwilioStandIn } from "../support/twilio-stand-in.ts"

const WAIT = { timeout: 60_000 }
const ANA = "+15554440001"
const BEN = "+15554440002"

let twilio: TwilioStandIn
let at: Product

beforeEach(async () => {
  twilio = await startTwilio()
  at = await startProduct({
    env: {
      PUBLIC_URL,
      ...twilio.env,
      OWNER_PHONE,
    },
  })
})
afterEach(async () => {
  await at.stop()
  await twilio.stop()
})

const text = (from: string, body: string) =>
  twilio.receive({ from, body, webhookUrl: `${PUBLIC_URL}/webhooks/twilio`, deliverTo: at.url })
const sentTo = (to: string) =>
  twilio.messages.filter((one) => one.direction === "outbound-api" && one.to === to).map((one) => one.body)
async function reply(to: string, n: number): Promise<string> {
  await expect.poll(() => sentTo(to).length, WAIT).toBeGreaterThan(n)
  return sentTo(to)[n] ?? ""
}
const codeIn = (words: string | null) => /^[A-Z0-9]{8}/.exec(words ?? "")?.[0] ?? "no code"
const pair = (name: string) =>
  at.api<{ code: string; person: string }>("/api/v1/pairings", { method: "POST", body: { name } })

test("a code texted by the owner lets a member in; the code is in no trace", async () => {
  await text(OWNER_PHONE, "/pair Ana")
  const answer = await reply(OWNER_PHONE, 0)
  expect(answer).toContain("a new member called Ana")
  await text(ANA, "hello, is anyone there?")
  await text(ANA, codeIn(answer))
  expect(await reply(ANA, 0)).toMatch(/^Welcome, Ana\./)
  await text(ANA, "ping")
  expect(await reply(ANA, 1)).toContain("I am here")
  expect((await at.say("/people")).reply).toContain(`Ana (member): sms ${ANA}`)

  const { runs } = await at.api<{ runs: { id: string; trigger: string }[] }>("/api/v1/runs")
  expect(runs.map((run) => run.trigger).sort()).toEqual(["/pair Ana", "/people", "ping"])
  const made = runs.find((run) => run.trigger === "/pair Ana")
  const { steps } = await at.api<{ steps: unknown[] }>(`/api/v1/runs/${made?.id}`)
  expect(steps.length).toBeGreaterThan(0)
  expect(JSON.stringify(steps)).not.toContain(codeIn(answer))
  const { replies } = await at.api<{ replies: { text: string }[] }>(`/api/v1/runs/${made?.id}`)
  expect(replies.map(({ text }) => text)).toEqual(["(a pairing code, not kept)"])
})

test("a member is removed after the owner's yes, and then a stranger again", async () => {
  await text(BEN, (await pair("Ben")).code)
  await reply(BEN, 0)
  await text(BEN, "remind me to stretch every day at 9am")
  await reply(BEN, 1)
  const asked = at.say("/unpair Ben")
  const question = async () =>
    (await at.api<{ approvals: { code: string; display: string }[] }>("/api/v1/approvals")).approvals[0]
  await expect.poll(question, WAIT).toMatchObject({ display: expect.stringContaining("Remove Ben") })
  await text(BEN, `${(await question())?.code} OK`)
  await reply(BEN, 2)
  expect((await at.say("/people")).reply).toContain("Ben (member)")
  await at.say(`${(await question())?.code} OK`)
  await asked
  await expect.poll(async () => (await at.say("/people")).reply, WAIT).not.toContain("Ben")
  expect((await at.api<{ automations: { title: string }[] }>("/api/v1/automations")).automations).not.toContainEqual(
    expect.objectContaining({ title: expect.stringContaining("stretch") }),
  )
  const before = sentTo(BEN).length
  await text(BEN, "ping")
  await at.say("ping")
  expect(sentTo(BEN).length).toBe(before)
})

test("a code from the page works like any other, and strangers cannot make one", async () => {
  const form = new URLSearchParams({ name: "me" })
  const post = (headers: Record<string, string>) =>
    at.ask("/pairings", { method: "POST", body: form, headers: { "sec-fetch-site": "same-origin", ...headers } })
  expect((await post({})).status).toBe(401)
  expect((await at.ask("/api/v1/pairings", { method: "POST" })).status).toBe(401)
  const { path } = await at.api<{ path: string }>("/api/v1/link", { method: "POST" })
  const signedIn = await at.ask("/start", {
    method: "POST",
    redirect: "manual",
    headers: { "sec-fetch-site": "same-origin" },
    body: new URLSearchParams({ k: path.split("k=")[1] ?? "" }),
  })
  const cookie = (signedIn.headers.get("set-cookie") ?? "").split(";", 1)[0] ?? ""
  const page = await (await post({ cookie })).text()
  const code = /<code>([A-Z0-9]{8})<\/code>/.exec(page)?.[1] ?? ""
  await text(ANA, code)
  expect(await reply(ANA, 0)).toContain("This address is yours now")
  await text(ANA, "/people")
  expect(await reply(ANA, 1)).toContain(`(owner): sms ${OWNER_PHONE}, sms ${ANA}`)
})
