import { generateKeyPairSync } from "node:crypto"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { createGitHub, type GitHubAccount } from "../../../src/channels/github/client.ts"
import { type GitHubStandIn, start } from "../../support/github-stand-in.ts"

let server: GitHubStandIn
let github: GitHubAccount
const signal = new AbortController().signal
const REPO = "octo/demo"
const at = (minute: number) => new Date(Date.UTC(2026, 10, 20, 10, minute))
const settings = () => ({ token: server.token, apiUrl: `${server.url}/`, repos: [REPO] })

beforeAll(async () => {
  server = await start({
    repos: { [REPO]: { labels: ["bug", "feature"], assignable: ["ana"] }, "octo/big": {} },
    now: () => at(59),
  })
  github = createGitHub(settings(), { throttle: false })
})
afterAll(async () => await server.stop())
beforeEach(() => {
  server.writes.length = 0
})

describe("reading", () => {
  test("open and closed issues are listed by the time of their last change, without pull requests", async () => {
    server.put(REPO, { number: 1, title: "old", updatedAt: at(1) })
    server.put(REPO, {
      number: 2,
      title: "late",
      updatedAt: at(9),
      labels: ["bug"],
      assignees: ["ana"],
      body: null,
      authorAssociation: "MEMBER",
    })
    server.put(REPO, { number: 3, title: "early", updatedAt: at(5), state: "closed" })
    server.put(REPO, { number: 4, title: "a pull request", updatedAt: at(6), isPullRequest: true })
    const page = await github.listIssues(REPO, at(5), signal)
    expect(page.issues.map((issue) => issue.number)).toEqual([3, 2])
    expect(page.issues[1]).toEqual({
      repo: REPO,
      number: 2,
      title: "late",
      body: "",
      author: "reporter",
      authorAssociation: "MEMBER",
      labels: ["bug"],
      assignees: ["ana"],
      state: "open",
      htmlUrl: "https://github.com/octo/demo/issues/2",
      updatedAt: at(9),
      isPullRequest: false,
    })
    expect([page.more, page.notModified]).toEqual([false, false])
  })

  test("an unchanged list is answered by its tag alone, a changed list in full", async () => {
    const first = await github.listIssues(REPO, at(0), signal)
    expect(first.etag).toBeDefined()
    expect(await github.listIssues(REPO, at(0), signal, first.etag)).toEqual({
      issues: [],
      notModified: true,
      more: false,
      etag: first.etag,
    })
    server.put(REPO, { number: 5, title: "new", updatedAt: at(20) })
    expect((await github.listIssues(REPO, at(0), signal, first.etag)).notModified).toBe(false)
  })

  test("a list of several pages is read whole and has no tag, because a tag names the first page alone", async () => {
    for (let number = 1; number <= 250; number += 1) server.put("octo/big", { number, title: "x", updatedAt: at(0) })
    const page = await github.listIssues("octo/big", at(0), signal)
    expect(page.issues.map((issue) => issue.number)).toEqual(Array.from({ length: 250 }, (_, n) => n + 1))
    expect(page.etag).toBeUndefined()
    expect(page.more).toBe(false)
  })

  test("a very long list is cut, and the answer says so", async () => {
    for (let number = 1; number <= 1001; number += 1) server.put("octo/big", { number, title: "x", updatedAt: at(0) })
    const page = await github.listIssues("octo/big", at(0), signal)
    expect([page.issues.length, page.more]).toEqual([1000, true])
  })

  test("one issue and the labels of the repository are read", async () => {
    server.put(REPO, { number: 1, title: "old", updatedAt: at(1) })
    expect(await github.getIssue(REPO, 1, signal)).toMatchObject({ title: "old" })
    expect(await github.listLabels(REPO, signal)).toEqual(["bug", "feature"])
    await expect(github.getIssue(REPO, 999, signal)).rejects.toMatchObject({ name: "Reject", status: 404 })
  })
})

describe("changing", () => {
  test("labels are added to the present ones, and adding them again changes nothing", async () => {
    server.put(REPO, { number: 10, title: "x", labels: ["bug"] })
    expect(await github.addLabels(REPO, 10, ["feature"], signal)).toEqual(["bug", "feature"])
    expect(await github.addLabels(REPO, 10, ["feature"], signal)).toEqual(["bug", "feature"])
    expect(server.writes).toEqual([
      { repo: REPO, number: 10, kind: "labels", values: ["feature"], by: server.token },
      { repo: REPO, number: 10, kind: "labels", values: ["feature"], by: server.token },
    ])
  })

  test("an empty list of labels makes no changing call", async () => {
    server.put(REPO, { number: 10, title: "x", labels: ["bug"] })
    expect(await github.addLabels(REPO, 10, [], signal)).toEqual(["bug"])
    expect(server.writes).toEqual([])
  })

  test("only a person who can be assigned is assigned", async () => {
    server.put(REPO, { number: 11, title: "x" })
    await github.addAssignee(REPO, 11, "ana", signal)
    expect(server.issue(REPO, 11).assignees).toEqual(["ana"])
    await expect(github.addAssignee(REPO, 11, "mallory", signal)).rejects.toMatchObject({ code: "not_assignable" })
    expect(server.writes.length).toBe(1)
  })

  test("an assignee whom GitHub ignores silently is not_assignable", async () => {
    server.put(REPO, { number: 12, title: "x" })
    server.trouble({ status: 204 }, (asked) => asked.url.pathname.endsWith("/assignees/mallory"))
    await expect(github.addAssignee(REPO, 12, "mallory", signal)).rejects.toMatchObject({ code: "not_assignable" })
  })
})

describe("failures", () => {
  const later = { "retry-after": "120" }
  test.each([
    [{ status: 401, body: { message: "Bad credentials" } }, { name: "Misconfigured" }],
    [
      { status: 403, body: { message: "Resource not accessible by personal access token" } },
      { name: "Reject", code: "forbidden", fix: expect.any(String) },
    ],
    [
      { status: 403, body: { message: "You have exceeded a secondary rate limit" }, headers: later },
      { name: "Retry", afterMs: 120_000 },
    ],
    [
      { status: 429, body: { message: "Too many" }, headers: later },
      { name: "Retry", afterMs: 120_000 },
    ],
    [
      { status: 410, body: { message: "Issues are disabled for this repo" } },
      { name: "Reject", status: 410 },
    ],
    [
      { status: 422, body: { message: "Validation Failed" } },
      { name: "Reject", status: 422 },
    ],
  ])("%j is thrown as %j, after one try", async (trouble, expected) => {
    const before = server.asked.length
    const fresh = createGitHub(settings(), { throttle: false })
    server.trouble(trouble)
    await expect(fresh.getIssue(REPO, 1, signal)).rejects.toMatchObject(expected)
    expect(server.asked.length).toBe(before + 1)
  })

  test("a used-up rate limit is Retry with the time until it is reset", async () => {
    const date = new Date("2026-11-20T10:00:00Z")
    const headers = {
      "x-ratelimit-remaining": "0",
      "x-ratelimit-reset": String(date.getTime() / 1000 + 90),
      date: date.toUTCString(),
    }
    let now = date
    const limited = createGitHub(settings(), { throttle: false, clock: { now: () => now } })
    server.put(REPO, { number: 1, title: "old" })
    server.trouble({ status: 403, body: { message: "API rate limit exceeded" }, headers })
    await expect(limited.getIssue(REPO, 1, signal)).rejects.toMatchObject({ name: "Retry", afterMs: 90_000 })
    const before = server.asked.length
    now = new Date(date.getTime() + 89_000)
    await expect(limited.listLabels(REPO, signal)).rejects.toMatchObject({ code: "github_resting", afterMs: 1000 })
    expect(server.asked.length).toBe(before)
    now = new Date(date.getTime() + 91_000)
    expect(await limited.getIssue(REPO, 1, signal)).toMatchObject({ number: 1 })
  })

  test("after three failures in a row GitHub is left alone for half a minute", async () => {
    let now = new Date("2026-11-20T10:00:00Z")
    const patient = createGitHub(settings(), { throttle: false, clock: { now: () => now } })
    server.put(REPO, { number: 1, title: "old" })
    // The retry plugin repeats each call once.
    for (let time = 0; time < 6; time++) server.trouble({ status: 503, body: { message: "down" } })
    for (let call = 0; call < 3; call++)
      await expect(patient.getIssue(REPO, 1, signal)).rejects.toMatchObject({ code: "github_away" })
    const before = server.asked.length
    await expect(patient.getIssue(REPO, 1, signal)).rejects.toMatchObject({ name: "Retry", code: "github_resting" })
    expect(server.asked.length).toBe(before)
    now = new Date("2026-11-20T10:00:31Z")
    expect(await patient.getIssue(REPO, 1, signal)).toMatchObject({ number: 1 })
  })

  test("the throttling plugin waits for a short rate limit, once, and leaves a long one to the caller", async () => {
    const limiting = createGitHub(settings())
    server.put(REPO, { number: 1, title: "old" })
    const secondary = { message: "You have exceeded a secondary rate limit" }
    server.trouble({ status: 403, body: secondary, headers: { "retry-after": "1" } })
    expect(await limiting.getIssue(REPO, 1, signal)).toMatchObject({ number: 1 })
    const before = server.asked.length
    server.trouble({ status: 403, body: secondary, headers: { "retry-after": "60" } })
    await expect(limiting.getIssue(REPO, 1, signal)).rejects.toMatchObject({ code: "rate_limited", afterMs: 60_000 })
    expect(server.asked.length).toBe(before + 1)
  })

  test.each([
    ["lost its answer", { lose: true as const }, "connection_lost", 1],
    ["met a GitHub that is down", { status: 502, body: { message: "down" } }, "github_away", 0],
  ])("a change that %s is not repeated, because it may have happened", async (_what, trouble, code, made) => {
    const isChange = (asked: { method: string }) => asked.method === "POST"
    server.put(REPO, { number: 77, title: "t" })
    const before = server.asked.filter(isChange).length
    server.trouble(trouble, isChange)
    await expect(github.addLabels(REPO, 77, ["bug"], signal)).rejects.toMatchObject({ code })
    expect(server.asked.filter(isChange).length - before).toBe(1)
    expect(server.writes).toHaveLength(made)
  })

  test("a short failure is repeated inside the call", async () => {
    server.put(REPO, { number: 1, title: "old" })
    server.trouble({ status: 502, body: { message: "bad gateway" } })
    expect(await github.getIssue(REPO, 1, signal)).toMatchObject({ number: 1 })
  })

  test("an unreachable GitHub is Retry, and a cancelled change is Uncertain", async () => {
    const gone = await start()
    await gone.stop()
    const away = createGitHub({ token: "secret-token", apiUrl: gone.url, repos: [] }, { throttle: false })
    const cancelled = new AbortController()
    const { promise, resolve } = Promise.withResolvers<void>()
    server.trouble({ hold: promise })
    const before = server.asked.length
    const change = github.addLabels(REPO, 1, ["bug"], cancelled.signal)
    while (server.asked.length === before) await new Promise((next) => setImmediate(next))
    cancelled.abort()
    await expect(change).rejects.toMatchObject({ name: "Uncertain" })
    resolve()
    const error = await away.getIssue(REPO, 1, AbortSignal.timeout(20_000)).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ name: "Retry" })
    expect(JSON.stringify(error) + String((error as Error).stack)).not.toContain("secret-token")
  })

  test("a malformed repository name is refused before it becomes part of an address", async () => {
    const before = server.asked.length
    for (const repo of ["octo", "octo/..", "../x", "octo/de mo", "octo/demo/issues", "octo/demo?x"]) {
      await expect(github.getIssue(repo, 1, signal)).rejects.toMatchObject({ code: "bad_repo" })
    }
    expect(server.asked.length).toBe(before)
  })
})

describe("who we are", () => {
  test("the probe names the token's user after every repository was read", async () => {
    expect(await github.probe(signal)).toBe("@vigil-user")
    const blind = createGitHub({ ...settings(), repos: ["octo/hidden"] }, { throttle: false })
    await expect(blind.probe(signal)).rejects.toMatchObject({ status: 404 })
    await expect(
      createGitHub({ ...settings(), token: "wrong" }, { throttle: false }).probe(signal),
    ).rejects.toMatchObject({ name: "Misconfigured" })
  })

  test("an app signs in to the repository's installation, and writes as the installation", async () => {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 })
    const pem = privateKey.export({ type: "pkcs1", format: "pem" }).toString().replaceAll("\n", "\\n")
    const app = createGitHub({ appId: "1", appPrivateKey: pem, apiUrl: server.url, repos: [REPO] }, { throttle: false })
    expect(await app.probe(signal)).toBe("vigil-app[bot]")
    server.put(REPO, { number: 20, title: "x" })
    await app.addLabels(REPO, 20, ["bug"], signal)
    expect(server.writes).toMatchObject([{ number: 20, by: "installation-token" }])
    const installations = () => server.asked.filter(({ url }) => url.pathname.endsWith("/installation")).length
    expect(installations()).toBe(1)
    // An app that was installed anew has another id. The old id is forgotten after its first refusal.
    server.trouble({ status: 404, body: { message: "Not Found" } }, ({ method }) => method === "POST")
    await expect(app.addLabels(REPO, 20, ["bug"], signal)).rejects.toMatchObject({ status: 404 })
    await app.addLabels(REPO, 20, ["bug"], signal)
    expect(installations()).toBe(2)
  })

  test("without credentials there is no client", () => {
    expect(() => createGitHub({ repos: [] })).toThrow("GitHub has no credentials")
  })
})
