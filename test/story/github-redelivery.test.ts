/** Webhooks that failed while nobody was in: GitHub is asked for them again, and each issue is still triaged once. */
import { afterEach, beforeEach, expect, test } from "vitest"
import { type GitHubStandIn, start as startGitHub } from "../support/github-stand-in.ts"
import { type Product, type RunningClock, runningClock, startProduct } from "../support/product.ts"
import { type StandIn, startStandIn } from "../support/stand-in.ts"

const WAIT = { timeout: 60_000 }
const MINUTE = 60_000
const REPO = "octo/shop"
const SECRET = "github-secret-0123456789"

let clock: RunningClock
let github: GitHubStandIn
/** What stands before the product and answers for it while it is away, as a proxy does. */
let proxy: StandIn
let away: boolean
let product: Product | undefined

beforeEach(async () => {
  clock = runningClock("2026-05-12T13:00:00Z")
  away = false
  github = await startGitHub({ now: clock.now, repos: { [REPO]: {} } })
  proxy = await startStandIn(async ({ method, url, headers, body }) => {
    if (away || !product) return { status: 503 }
    const kept = Object.entries(headers).filter(([name]) => name.startsWith("x-") || name === "content-type")
    const sent = { method, body, headers: kept.map(([name, value]): [string, string] => [name, String(value)]) }
    const answer = await product.ask(url.pathname, sent)
    return { status: answer.status, body: await answer.json() }
  })
})
afterEach(async () => {
  await product?.stop()
  product = undefined
  await github.deliveries.settled()
  await proxy.stop()
  await github.stop()
})

async function started(): Promise<Product> {
  product = await startProduct({
    clock,
    env: {
      PUBLIC_URL: proxy.url,
      GITHUB_TOKEN: github.token,
      GITHUB_API_URL: github.url,
      GITHUB_WEBHOOK_SECRET: SECRET,
      GITHUB_REPOS: REPO,
    },
  })
  await expect.poll(listings, WAIT).toBe(1)
  return product
}

const listings = () => github.asked.filter(({ url }) => url.pathname === `/repos/${REPO}/issues`).length
const again = () => github.asked.filter(({ url }) => url.pathname.endsWith("/attempts")).length
const runs = async (at: Product) =>
  (await at.api<{ runs: { kind: string; state: string }[] }>("/api/v1/runs?limit=200")).runs.filter(
    (run) => run.kind === "issue",
  )

test("a webhook that was answered 503 comes again because we ask for it, and is triaged once", async () => {
  const hook = github.deliveries.register(REPO, { url: `${proxy.url}/webhooks/github`, secret: SECRET })
  const at = await started()
  const { number } = github.put(REPO, { title: "App crashes with a TypeError when saving" })
  const payload = github.payload(REPO, number, "opened")
  away = true
  expect(await github.deliveries.fire(hook, "guid-1", "issues", payload)).toBe(503)
  expect(await github.deliveries.fire(hook, "guid-2", "ping", {})).toBe(503)
  away = false
  // The list is of no help: only what is delivered again can tell of the issue.
  github.trouble({ status: 404, body: { message: "Not Found" } }, ({ url }) => url.pathname === `/repos/${REPO}/issues`)
  clock.pass(15 * MINUTE)
  await expect.poll(async () => (await runs(at)).map(({ state }) => state), WAIT).toEqual(["done"])
  expect(github.issue(REPO, number).labels).toEqual(["bug"])
  expect(again()).toBe(1)
  const [, , last] = github.deliveries.attempts
  expect(last).toMatchObject({ guid: "guid-1", redelivery: true, status: 202 })

  clock.pass(15 * MINUTE)
  await expect.poll(listings, WAIT).toBe(3)
  expect([again(), (await runs(at)).length]).toEqual([1, 1])
})

test("what arrived, although GitHub heard no answer, is not asked for again; what fails again is given up", async () => {
  const hook = github.deliveries.register(REPO, { url: `${proxy.url}/webhooks/github`, secret: SECRET })
  const at = await started()
  const { number } = github.put(REPO, { title: "App crashes with a TypeError when saving" })
  const payload = github.payload(REPO, number, "opened")
  const direct = { event: "issues", payload, secret: SECRET, id: "arrived" }
  expect((await github.deliver(`${at.url}/webhooks/github`, direct)).status).toBe(202)
  away = true
  await github.deliveries.fire(hook, "arrived", "issues", payload)
  await github.deliveries.fire(hook, "hopeless", "issues", { ...payload, action: "closed" })
  for (let sweep = 2; sweep <= 6; sweep++) {
    clock.pass(15 * MINUTE)
    await expect.poll(listings, WAIT).toBe(sweep)
    await github.deliveries.settled()
  }
  const tried = github.deliveries.attempts.filter(({ redelivery }) => redelivery).map(({ guid }) => guid)
  expect(tried).toEqual(["hopeless", "hopeless", "hopeless"])
})

test("a token that may not see webhooks is said once, and the sweep finds the issue by itself", async () => {
  const isHooks = ({ url }: { url: URL }) => url.pathname === `/repos/${REPO}/hooks`
  for (let time = 0; time < 3; time++)
    github.trouble({ status: 403, body: { message: "Resource not accessible by personal access token" } }, isHooks)
  const at = await started()
  github.put(REPO, { title: "App crashes with a TypeError when saving" })
  for (const sweep of [2, 3]) {
    clock.pass(15 * MINUTE)
    await expect.poll(listings, WAIT).toBe(sweep)
  }
  await expect.poll(async () => (await runs(at)).map(({ state }) => state), WAIT).toEqual(["done"])
  const said = at.lines.filter(({ event }) => event.startsWith("redelivery"))
  expect(said).toEqual([{ event: "redelivery_off", fields: { repo: REPO, code: "forbidden" } }])
  expect(github.asked.filter(isHooks)).toHaveLength(1)
})
