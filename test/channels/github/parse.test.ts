import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { sign } from "@octokit/webhooks-methods"
import { describe, expect, test } from "vitest"
import { z } from "zod"
import { parseDelivery } from "../../../src/channels/github/parse.ts"
import { createGitHubWebhook } from "../../../src/channels/github/webhook.ts"

const repos = ["codertocat/hello-world"]
const file = createRequire(import.meta.url).resolve("@octokit/webhooks-examples")
const examples = z
  .array(z.object({ name: z.string(), examples: z.array(z.record(z.string(), z.unknown())) }))
  .parse(JSON.parse(readFileSync(file, "utf8")))
const opened = examples.find(({ name }) => name === "issues")?.examples.find(({ action }) => action === "opened")

describe("published payloads", () => {
  const read = examples.flatMap(({ name, examples: payloads }) =>
    payloads.map((payload) => ({ name, result: parseDelivery(name, "d-1", payload, repos) })),
  )

  test("every payload is read without an error, and the issues as issues", () => {
    expect(read.length).toBeGreaterThan(300)
    const issues = read.filter(({ name }) => name === "issues")
    expect(issues.filter(({ result }) => !("ignored" in result)).length).toBeGreaterThan(5)
    expect(issues.filter(({ result }) => "ignored" in result && result.ignored.includes("malformed"))).toEqual([])
  })

  test("an event that is not about an issue is ignored, with its name", () => {
    const others = read.filter(({ name }) => name !== "issues")
    expect(others.filter(({ name, result }) => !("ignored" in result) || result.ignored !== `event ${name}`)).toEqual(
      [],
    )
  })

  test("an opened issue is read whole", () => {
    expect(parseDelivery("issues", "d-1", opened, repos)).toEqual({
      repo: "Codertocat/Hello-World",
      number: 1,
      action: "opened",
      title: "Spelling error in the README file",
      body: "It looks like you accidently spelled 'commit' with two 't's.",
      author: "Codertocat",
      authorAssociation: "OWNER",
      labels: ["bug"],
      assignees: ["Codertocat"],
      state: "open",
      htmlUrl: "https://github.com/Codertocat/Hello-World/issues/1",
      updatedAt: new Date("2019-05-15T15:20:18Z"),
      isPullRequest: false,
      sender: "Codertocat",
      senderIsBot: false,
      deliveryId: "d-1",
    })
  })
})

describe("payloads of all kinds", () => {
  const issue = { number: 7, title: "t", updated_at: "2026-11-20T10:00:00Z" }
  const payload = { action: "labeled", issue, repository: { full_name: "o/r" } }
  const read = (more: object) => parseDelivery("issues", "d", { ...payload, ...more }, ["O/R"])

  test("a missing field gets an empty value, and text stays as it is written", () => {
    const body = "  <b>x</b>\r\n\u0000 "
    expect(read({ issue: { ...issue, body, user: null, labels: null, assignees: [null] } })).toMatchObject({
      body,
      author: "ghost",
      authorAssociation: "NONE",
      labels: [],
      assignees: [],
      state: "open",
      senderIsBot: false,
    })
  })

  test("bots and pull requests are marked, and the changed label is named", () => {
    expect(read({ sender: { login: "vigil[bot]", type: "Bot" }, label: { name: "bug" } })).toMatchObject({
      senderIsBot: true,
      label: "bug",
    })
    expect(read({ issue: { ...issue, pull_request: { url: "x" } } })).toMatchObject({ isPullRequest: true })
  })

  test.each([
    ["an action that does not matter to us", { action: "pinned" }, "action pinned"],
    ["another repository", { repository: { full_name: "o/other" } }, "repository o/other is not configured"],
    ["no number", { issue: { title: "x" } }, "malformed payload"],
    ["a malformed time", { issue: { ...issue, updated_at: "soon" } }, "malformed payload"],
  ])("%s is ignored with the reason", (_, more, reason) => {
    expect(read(more)).toMatchObject({ ignored: expect.stringContaining(reason) })
  })

  test("a malformed payload is ignored", () => {
    for (const nonsense of [null, [], "x", 1, {}])
      expect(parseDelivery("issues", "d", nonsense, repos)).toHaveProperty("ignored")
  })
})

describe("the webhook", () => {
  const webhook = createGitHubWebhook({ webhookSecret: "s", repos })
  const request = async (body: string, secret = "s") => ({
    url: "/webhooks/github",
    headers: {
      "x-hub-signature-256": await sign(secret, body),
      "x-github-event": "issues",
      "x-github-delivery": "d-9",
    },
    body,
  })

  test("a signed delivery becomes an event", async () => {
    expect(await webhook?.(await request(JSON.stringify(opened)))).toMatchObject({ number: 1, deliveryId: "d-9" })
  })

  test("a wrong signature is denied, and a signed body that is not JSON is refused", async () => {
    await expect(webhook?.(await request("{}", "other"))).rejects.toMatchObject({ name: "Deny" })
    await expect(webhook?.(await request("payload=%7B%7D"))).rejects.toMatchObject({ status: 400 })
  })

  test("without a secret there is no webhook", () => {
    expect(createGitHubWebhook({ repos })).toBeNull()
    expect(createGitHubWebhook({ webhookSecret: "", repos })).toBeNull()
  })
})
