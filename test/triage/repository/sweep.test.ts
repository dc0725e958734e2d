import { afterEach, beforeEach, expect, test } from "vitest"
import { type Harness, harness, REPO } from "../harness.ts"

const signal = new AbortController().signal
let now: Date
let h: Harness

beforeEach(async () => {
  now = new Date("2026-11-22T12:00:00Z")
  h = await harness({ now: () => now, repos: ["octo/gone", REPO] })
})
afterEach(() => h.stop())

const sweepRepo = async () => (await h.sweep(signal)).find(({ repo }) => repo === REPO)
const minutes = (count: number) => new Date(now.getTime() + count * 60_000)

test("the first sweep looks back one day", async () => {
  h.hub.put(REPO, { title: "Crash yesterday", updatedAt: minutes(-23 * 60) })
  h.hub.put(REPO, { title: "Crash last week", updatedAt: minutes(-7 * 24 * 60) })
  expect(await sweepRepo()).toMatchObject({ seen: 1, accepted: 1 })
})

test("an issue whose webhook was lost is found by the next sweep and triaged once", async () => {
  await h.sweep(signal)
  const { number } = h.hub.put(REPO, { title: "Crash on start", body: "Error: x\n    at a (b.js:1:2)", updatedAt: now })
  now = minutes(15)
  expect(await sweepRepo()).toMatchObject({ accepted: 1 })
  await h.s.settle()
  now = minutes(15)
  // Triage's own label has changed the issue, so the next sweep lists it again.
  expect(await sweepRepo()).toMatchObject({ seen: 1, accepted: 0 })
  await h.s.settle()
  expect(h.hub.issue(REPO, number).labels).toEqual(["bug"])
  expect(await h.runs()).toHaveLength(1)
})

test("a repository that cannot be read stops no other", async () => {
  h.hub.put(REPO, { title: "Crash on start", updatedAt: now })
  const swept = await h.sweep(signal)
  expect(swept).toMatchObject([
    { repo: "octo/gone", accepted: 0, error: { message: expect.stringContaining("octo/gone") } },
    { repo: REPO, accepted: 1 },
  ])
})

test("closed issues and pull requests are not taken in", async () => {
  h.hub.put(REPO, { title: "Crash", state: "closed", updatedAt: now })
  h.hub.put(REPO, { title: "Fix crash", isPullRequest: true, updatedAt: now })
  expect(await sweepRepo()).toMatchObject({ seen: 0, accepted: 0 })
})

test("the cursor stays when an issue could not be taken in", async () => {
  h.hub.put(REPO, { title: "Crash", updatedAt: now })
  h.hub.trouble({ status: 404, body: { message: "Not Found" } }, ({ url }) => url.pathname === `/repos/${REPO}/issues`)
  expect((await sweepRepo())?.error).toBeDefined()
  expect(await h.kv.get("triage", `cursor:${REPO}`)).toBeNull()
  expect(await sweepRepo()).toMatchObject({ accepted: 1 })
})

test("a repository without changes is asked with its ETag, and GitHub does not count such a request", async () => {
  h.hub.put(REPO, { title: "Crash", updatedAt: minutes(-5) })
  await h.sweep(signal)
  await h.sweep(signal)
  await h.sweep(signal)
  const last = h.hub.asked.filter(({ url }) => url.pathname === `/repos/${REPO}/issues`).at(-1)
  expect(last?.headers["if-none-match"]).toMatch(/^W\//)
})

test("an answer without changes leaves the cursor where it is, and the next change is found", async () => {
  h.hub.put(REPO, { title: "Crash", updatedAt: minutes(-5) })
  await h.sweep(signal)
  await h.sweep(signal)
  const before = (await h.kv.get("triage", `cursor:${REPO}`))?.value
  expect(before).toHaveProperty("etag")
  expect(await sweepRepo()).toMatchObject({ seen: 0, accepted: 0 })
  expect((await h.kv.get("triage", `cursor:${REPO}`))?.value).toEqual(before)
  h.hub.put(REPO, { title: "Another crash", updatedAt: minutes(-1) })
  expect(await sweepRepo()).toMatchObject({ accepted: 1 })
})

test("a person's label change without a webhook is found in the issue's history, which is read once", async () => {
  const { number } = h.hub.put(REPO, { title: "Crash on start", body: "Error: x\n    at a (b.js:1:2)", updatedAt: now })
  await h.sweep(signal)
  await h.s.settle()
  const histories = () => h.hub.asked.filter(({ url }) => url.pathname.endsWith("/events")).length
  now = minutes(15)
  await h.sweep(signal)
  expect([h.hub.issue(REPO, number).labels, histories()]).toEqual([["bug"], 0])
  now = minutes(15)
  h.hub.edit(REPO, number, { login: "maintainer", type: "User" }, { labels: ["question"] })
  await h.sweep(signal)
  expect(await h.decisions.forIssue(REPO, number)).toMatchObject({ kind: "bug", correctedTo: "question" })
  await h.sweep(signal)
  expect(histories()).toBe(1)
})

test("a bot's label change is no correction, and the history is read once", async () => {
  const { number } = h.hub.put(REPO, { title: "Crash on start", body: "Error: x\n    at a (b.js:1:2)", updatedAt: now })
  await h.sweep(signal)
  await h.s.settle()
  now = minutes(15)
  h.hub.edit(REPO, number, { login: "stale[bot]", type: "Bot" }, { labels: ["question"] })
  await h.sweep(signal)
  await h.sweep(signal)
  expect(await h.decisions.forIssue(REPO, number)).toMatchObject({ kind: "bug", correctedTo: null, state: "applied" })
  expect(h.hub.asked.filter(({ url }) => url.pathname.endsWith("/events"))).toHaveLength(1)
})

test("an issue that GitHub lists a little late is still found", async () => {
  h.hub.put(REPO, { title: "Crash", updatedAt: now })
  await h.sweep(signal)
  h.hub.put(REPO, { title: "Crash that was listed late", updatedAt: new Date(now.getTime() - 30_000) })
  expect(await sweepRepo()).toMatchObject({ accepted: 1 })
})

test("a listing that is cut off is continued in the same sweep", async () => {
  const real = h.clients.get(REPO)
  if (!real) throw new Error("no client")
  const asked: string[] = []
  h.clients.set(REPO, {
    ...real,
    async listIssues(repo, since) {
      asked.push(since.toISOString())
      const { number } = h.hub.put(REPO, { title: `Crash ${asked.length}`, updatedAt: minutes(asked.length) })
      return { issues: [await real.getIssue(repo, number, signal)], notModified: false, more: asked.length === 1 }
    },
  })
  expect(await sweepRepo()).toMatchObject({ seen: 2, accepted: 2 })
  expect(asked).toEqual([minutes(-24 * 60).toISOString(), minutes(1).toISOString()])
})
