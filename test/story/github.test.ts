/** An issue comes in from GitHub: decided, labelled, given to who is on call, and counted in the next morning's text. */
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { afterEach, beforeEach, expect, test } from "vitest"
import { measure } from "../../src/channels/sms/segments.ts"
import { type GitHubStandIn, start as startGitHub, type Write } from "../support/github-stand-in.ts"
import {
  OWNER_PHONE,
  type Product,
  PUBLIC_URL,
  type RunningClock,
  runningClock,
  startProduct,
} from "../support/product.ts"
import { start as startTwilio, type TwilioStandIn } from "../support/twilio-stand-in.ts"

const WAIT = { timeout: 60_000 }
const MINUTE = 60_000
const REPO = "Codertocat/Hello-World"
const SECRET = "github-secret-0123456789"
/** In the owner's zone it is 14:00 on a Tuesday. */
const START = "2026-05-12T13:00:00Z"

let clock: RunningClock
let github: GitHubStandIn
let twilio: TwilioStandIn
let product: Product | undefined

beforeEach(async () => {
  clock = runningClock(START)
  twilio = await startTwilio({ now: clock.now })
  github = await startGitHub({
    now: clock.now,
    repos: { [REPO]: { labels: ["bug", "enhancement", "documentation", "question"], assignable: ["ana", "ben"] } },
  })
})
afterEach(async () => {
  await product?.stop()
  product = undefined
  await github.stop()
  await twilio.stop()
})

async function started(): Promise<Product> {
  product = await startProduct({
    clock,
    env: {
      PUBLIC_URL,
      OWNER_PHONE,
      ...twilio.env,
      GITHUB_TOKEN: github.token,
      GITHUB_API_URL: github.url,
      GITHUB_WEBHOOK_SECRET: SECRET,
      GITHUB_REPOS: REPO,
    },
  })
  const rota = { zone: "Europe/Lisbon", start: "2026-05-11", everyDays: 7, logins: ["ana", "ben"] }
  await product.api("/api/v1/triage/rota", { method: "PUT", body: rota })
  return product
}

interface Payload {
  action: string
  issue: {
    number: number
    title: string
    body: string | null
    labels: object[]
    assignees: object[]
    assignee: unknown
  }
  repository: { full_name: string }
}

/** GitHub's own example of `issues.opened`, before anyone labelled or took the issue, about what is given. */
function opened(number: number, title: string, body = ""): Payload {
  const path = createRequire(import.meta.url).resolve("@octokit/webhooks-examples")
  const all = JSON.parse(readFileSync(path, "utf8")) as { name: string; examples: Payload[] }[]
  const example = all
    .find(({ name }) => name === "issues")
    ?.examples.find((one) => one.action === "opened" && one.repository.full_name === REPO)
  if (!example) throw new Error("there is no such example")
  return { ...example, issue: { ...example.issue, number, title, body, labels: [], assignees: [], assignee: null } }
}

/** Someone opens an issue; GitHub has it from then on. */
function open(title: string, body = ""): Payload {
  const { number } = github.put(REPO, { title, body })
  return opened(number, title, body)
}

let deliveries = 0
const deliver = (at: Product, payload: Payload, id = `delivery-${++deliveries}`) =>
  github.deliver(`${at.url}/webhooks/github`, { event: "issues", payload, secret: SECRET, id })

const CRASH =
  "Steps to reproduce: open the app, press save. Expected behavior: it saves. Actual: a crash and a stack trace."
const changes = (kind: Write["kind"]) => github.writes.filter((write) => write.kind === kind)
const texts = () => twilio.messages.filter((message) => message.direction === "outbound-api").map((one) => one.body)

interface Run {
  kind: string
  state: string
  trigger: string
}
const issueRuns = async (at: Product) =>
  (await at.api<{ runs: Run[] }>("/api/v1/runs?limit=200")).runs.filter((run) => run.kind === "issue")
const decisions = async (at: Product) =>
  (await at.api<{ decisions: { number: number; state: string; kind: string }[] }>("/api/v1/triage/decisions")).decisions

test("issues are labelled and given to who is on call, and the next morning at eight one text counts them", async () => {
  const at = await started()
  expect((await deliver(at, open("App crashes with a TypeError when saving", CRASH))).status).toBe(202)
  await expect.poll(() => changes("assignees"), WAIT).toMatchObject([{ repo: REPO, number: 1, values: ["ana"] }])
  expect(changes("labels")).toMatchObject([{ repo: REPO, number: 1, values: ["bug"] }])
  await deliver(at, open("Feature request: please add support for dark mode", "It would be nice to have a dark theme."))
  await deliver(at, open("Spelling error in the README file", "There is a typo in the documentation."))
  const applied = async () => (await decisions(at)).filter((one) => one.state === "applied").map((one) => one.kind)
  await expect.poll(async () => (await applied()).toSorted(), WAIT).toEqual(["bug", "docs", "feature"])
  expect(github.issue(REPO, 2)).toMatchObject({ labels: ["enhancement"], assignees: [] })
  expect(github.issue(REPO, 3)).toMatchObject({ labels: ["documentation"], assignees: [] })
  expect(texts()).toEqual([])

  clock.to("2026-05-13T06:59:57Z")
  await expect.poll(() => texts().length, WAIT).toBe(1)
  const [digest = ""] = texts()
  expect(clock.now().getTime()).toBeGreaterThanOrEqual(Date.parse("2026-05-13T07:00:00Z"))
  expect(digest).toMatch(/^Triage Tue 12 May: 3 issues\n1 bug 1 feat 1 docs\nAssigned: ana 1/)
  expect(measure(digest).segments).toBeLessThanOrEqual(2)

  clock.to("2026-05-14T07:00:30Z")
  await expect.poll(() => texts().length, WAIT).toBe(2)
  expect(texts()[1]).toMatch(/^Triage Wed 13 May: no issues/)
})

test("an issue whose webhook never came is found within fifteen minutes, and is not decided twice when it comes late", async () => {
  const at = await started()
  await expect.poll(() => github.asked.filter((asked) => asked.url.pathname.endsWith("/issues")).length, WAIT).toBe(1)
  const late = open("App crashes with a TypeError when saving", CRASH)
  clock.pass(15 * MINUTE)
  await expect.poll(() => github.writes.map((write) => write.kind), WAIT).toEqual(["labels", "assignees"])
  await expect.poll(async () => (await issueRuns(at)).map((run) => run.state), WAIT).toEqual(["done"])

  expect(await (await deliver(at, late)).json()).toEqual({ outcome: "duplicate" })
  const next = open("How do I change the colour of the header?", "I am not sure how to do this.")
  await deliver(at, next)
  await expect.poll(async () => (await decisions(at)).map((one) => one.number), WAIT).toEqual([2, 1])
  expect((await issueRuns(at)).length).toBe(2)
  expect(github.writes.filter((write) => write.number === 1).length).toBe(2)
})

test("a hundred parallel deliveries of one webhook are one run and one change", async () => {
  const at = await started()
  const payload = open("App crashes with a TypeError when saving", CRASH)
  const answers = await Promise.all(Array.from({ length: 100 }, () => deliver(at, payload, "the-same")))
  expect(answers.map((answer) => answer.status)).toEqual(Array(100).fill(202))
  const outcomes = await Promise.all(
    answers.map(async (answer) => ((await answer.json()) as { outcome: string }).outcome),
  )
  expect(outcomes.filter((outcome) => outcome === "accepted").length).toBe(1)
  await expect.poll(async () => (await issueRuns(at)).map((run) => run.state), WAIT).toEqual(["done"])
  expect(changes("labels").length).toBe(1)
  expect(changes("assignees").length).toBe(1)
})
