/** People change what triage did, on GitHub's own page: their word counts from then on, and our own changes start nothing. */
import { afterEach, beforeEach, expect, test } from "vitest"
import { type Actor, type Done, type GitHubStandIn, start as startGitHub } from "../support/github-stand-in.ts"
import { type Product, PUBLIC_URL, type RunningClock, runningClock, startProduct } from "../support/product.ts"

const WAIT = { timeout: 60_000 }
const REPO = "octo/shop"
const SECRET = "github-secret-0123456789"
const MAINTAINER: Actor = { login: "maintainer", type: "User" }

let clock: RunningClock
let github: GitHubStandIn
let product: Product

beforeEach(async () => {
  clock = runningClock("2026-05-12T13:00:00Z")
  const labels = ["bug", "enhancement", "documentation", "question"]
  github = await startGitHub({ now: clock.now, repos: { [REPO]: { labels, assignable: ["ana", "ben"] } } })
  product = await startProduct({
    clock,
    env: {
      PUBLIC_URL,
      GITHUB_TOKEN: github.token,
      GITHUB_API_URL: github.url,
      GITHUB_WEBHOOK_SECRET: SECRET,
      GITHUB_REPOS: REPO,
    },
  })
  const rota = { start: "2026-05-11", everyDays: 7, logins: ["cleo"] }
  await product.api("/api/v1/triage/rota", { method: "PUT", body: rota })
  await product.api(`/api/v1/triage/rota?repo=${REPO}`, { method: "PUT", body: { ...rota, logins: ["ana"] } })
})
afterEach(async () => {
  await product.stop()
  await github.stop()
})

let deliveries = 0
async function deliver(payload: object, id = `delivery-${++deliveries}`): Promise<string> {
  const answer = await github.deliver(`${product.url}/webhooks/github`, {
    event: "issues",
    payload,
    secret: SECRET,
    id,
  })
  expect(answer.status).toBe(202)
  return ((await answer.json()) as { outcome: string }).outcome
}

async function open(title: string, body: string): Promise<number> {
  const { number } = github.put(REPO, { title, body })
  await deliver(github.payload(REPO, number, "opened"))
  await expect.poll(async () => (await decisions()).find((one) => one.number === number)?.state, WAIT).toBe("applied")
  return number
}

/** A webhook for each thing that was done, as GitHub sends them. */
async function tell(number: number, done: Done[]): Promise<string[]> {
  const outcomes: string[] = []
  for (const { event, actor, label, assignee } of done) {
    const about = { ...(label ? { label } : {}), ...(assignee ? { assignee } : {}) }
    outcomes.push(await deliver(github.payload(REPO, number, event, actor, about)))
  }
  return outcomes
}

interface Row {
  number: number
  state: string
  kind: string
  correctedTo: string | null
}
const decisions = async () => (await product.api<{ decisions: Row[] }>("/api/v1/triage/decisions")).decisions
const runs = async () =>
  (await product.api<{ runs: { kind: string }[] }>("/api/v1/runs?limit=200")).runs.filter((run) => run.kind === "issue")

const body = (what: string) =>
  `Steps to reproduce: open the checkout, choose ${what}, press pay. Expected behavior: the order is placed. Actual: an error message and a stack trace.`

test("a label that a person puts instead of ours is what the next issue like it gets", async () => {
  const first = await open("Checkout fails with an error when paying by invoice", body("invoice"))
  expect(github.issue(REPO, first)).toMatchObject({ labels: ["bug"], assignees: ["ana"] })
  const done = github.edit(REPO, first, MAINTAINER, { labels: ["question"] })
  expect(await tell(first, done)).toEqual(["corrected", "ignored"])
  expect(await decisions()).toMatchObject([{ number: first, kind: "bug", correctedTo: "question" }])

  const second = await open("Checkout fails with an error when paying by voucher", body("voucher"))
  expect(github.issue(REPO, second)).toMatchObject({ labels: ["question"], assignees: [] })
  expect(await runs()).toHaveLength(2)
})

test("a label that a person takes away is no longer learnt from, and one put back is", async () => {
  const number = await open("Checkout fails with an error when paying by invoice", body("invoice"))
  expect(await tell(number, github.edit(REPO, number, MAINTAINER, { labels: [] }))).toEqual(["withdrawn"])
  expect(await decisions()).toMatchObject([{ state: "declined", correctedTo: null }])
  expect(await tell(number, github.edit(REPO, number, MAINTAINER, { labels: ["bug"] }))).toEqual(["corrected"])
  expect(await decisions()).toMatchObject([{ correctedTo: "bug" }])
})

test("whom a person gives an issue to gets the next one like it", async () => {
  const first = await open("Checkout fails with an error when paying by invoice", body("invoice"))
  const done = github.edit(REPO, first, MAINTAINER, { assignees: ["ben"] })
  expect(await tell(first, done)).toContain("reassigned")
  const second = await open("Checkout fails with an error when paying by voucher", body("voucher"))
  expect(github.issue(REPO, second)).toMatchObject({ labels: ["bug"], assignees: ["ben"] })
  const third = await open("The app crashes at the start", "TypeError: x is undefined\n    at start (a.js:1:2)")
  expect(github.issue(REPO, third).assignees).toEqual(["ana"])
})

test("our own changes, as the app or as the token's user, and those of bots start and change nothing", async () => {
  const number = await open("Checkout fails with an error when paying by invoice", body("invoice"))
  for (const actor of [
    { login: "vigil-user", type: "User" },
    { login: "vigil-app[bot]", type: "Bot" },
  ]) {
    const own: Done[] = [
      { event: "labeled", actor, created_at: "", label: { name: "bug" } },
      { event: "assigned", actor, created_at: "", assignee: { login: "ana", type: "User" } },
    ]
    expect(await tell(number, own)).toEqual(["ignored", "ignored"])
  }
  const stale: Actor = { login: "stale[bot]", type: "Bot" }
  const swapped = github.edit(REPO, number, stale, { labels: ["question"] })
  expect(await tell(number, swapped)).toEqual(["ignored", "ignored"])
  expect(await decisions()).toMatchObject([{ kind: "bug", correctedTo: null, state: "applied" }])
  expect(await runs()).toHaveLength(1)
})

test("an issue that the token's own user opens or edits is theirs and triaged; what they say on it starts nothing", async () => {
  const own: Actor = { login: "vigil-user", type: "User" }
  const { number } = github.put(REPO, {
    title: "Checkout fails with an error when paying by invoice",
    body: body("invoice"),
    user: own.login,
    authorAssociation: "OWNER",
  })
  expect(await deliver(github.payload(REPO, number, "opened", own))).toBe("accepted")
  await expect.poll(async () => (await decisions())[0]?.state, WAIT).toBe("applied")
  expect(github.issue(REPO, number)).toMatchObject({ labels: ["bug"], assignees: ["ana"] })

  github.put(REPO, { ...github.issue(REPO, number), body: `${body("invoice")} It is urgent.` })
  expect(await deliver(github.payload(REPO, number, "edited", own))).toBe("accepted")
  await expect.poll(async () => (await decisions()).map(({ state }) => state), WAIT).toEqual(["applied", "applied"])

  const comment = { ...github.payload(REPO, number, "created", own), comment: { id: 1, body: "me too", user: own } }
  const answer = await github.deliver(`${product.url}/webhooks/github`, {
    event: "issue_comment",
    payload: comment,
    secret: SECRET,
    id: "comment",
  })
  expect(await answer.json()).toEqual({ outcome: "ignored" })
  expect(await runs()).toHaveLength(2)
  expect(github.writes.map(({ kind }) => kind)).toEqual(["labels", "assignees"])
})

test("a correction that is delivered twice, or late, or long after the decision, is not heard again", async () => {
  const number = await open("Checkout fails with an error when paying by invoice", body("invoice"))
  const late = github.edit(REPO, number, MAINTAINER, { labels: ["bug", "question"] })
  const old = github.payload(REPO, number, "labeled", MAINTAINER, { label: { name: "question" } })
  clock.pass(5000)
  const done = github.edit(REPO, number, MAINTAINER, { labels: ["documentation"] })
  expect(late).toHaveLength(1)
  expect(
    await tell(
      number,
      done.filter(({ event }) => event === "labeled"),
    ),
  ).toEqual(["corrected"])
  expect(await deliver(old, "late")).toBe("ignored")
  expect(await deliver(old, "late")).toBe("duplicate")
  clock.pass(31 * 24 * 3600_000)
  expect(await tell(number, github.edit(REPO, number, MAINTAINER, { labels: ["enhancement"] }))).not.toContain(
    "corrected",
  )
  expect(await decisions()).toMatchObject([{ correctedTo: "docs" }])
})
