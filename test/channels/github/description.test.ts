/** Every request that we send to GitHub, with a token and as an app, held against GitHub's own description of its API. */
import { generateKeyPairSync } from "node:crypto"
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { createGitHubApps } from "../../../src/channels/github/app.ts"
import { createGitHub, type GitHubAccount } from "../../../src/channels/github/client.ts"
import { type GitHubOracle, noGitHubOracle, openGitHubOracle } from "../../support/github-oracle.ts"
import { type GitHubStandIn, start } from "../../support/github-stand-in.ts"
import type { ReceivedRequest } from "../../support/stand-in.ts"

const REPO = "octo/demo"
const URL_OF_OURS = "https://vigil.example.com/webhooks/github"
const signal = new AbortController().signal
const SOURCES = join(import.meta.dirname, "../../../src/channels/github")

/** Requests that the description does not hold. It must hold all others. */
const UNDESCRIBED = [/^GET \/repos\/[^/]+\/[^/]+\/installation$/]

let server: GitHubStandIn
let oracle: GitHubOracle | null
const nameOf = ({ method, url }: ReceivedRequest) => `${method} ${url.pathname}`

beforeAll(async () => {
  oracle = await openGitHubOracle()
  server = await start({ repos: { [REPO]: { labels: ["bug", "feature"], assignable: ["ana"] } } })
  for (let number = 1; number <= 101; number += 1) server.put(REPO, { number, title: "x" })
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 })
  const appPrivateKey = privateKey.export({ type: "pkcs1", format: "pem" }).toString()
  const shared = { apiUrl: server.url, repos: [REPO] }
  server.deliveries.register(REPO, { url: URL_OF_OURS, secret: "s" })
  server.deliveries.register(null, { url: URL_OF_OURS, secret: "s" })
  for (const hook of server.deliveries.hooks)
    for (const guid of ["a", "b", "c", "d"]) {
      const what = {
        guid,
        event: "issues",
        action: "opened",
        body: "{}",
        redelivery: false,
        at: new Date(),
        status: 503,
      }
      server.deliveries.attempts.push({ ...what, id: 93_676_014_012_180_480n + BigInt(hook.id), hook: hook.id })
    }
  await useAll(createGitHub({ ...shared, token: server.token }, { throttle: false }))
  await useAll(createGitHub({ ...shared, appId: "1", appPrivateKey }, { throttle: false }))
  await makeApp()
  await server.deliveries.settled()
})
afterAll(async () => await server.stop())

/** Calls each function of the client, so that each request is sent. */
async function useAll(github: GitHubAccount): Promise<void> {
  await github.probe(signal)
  const { etag } = await github.listIssues(REPO, new Date(0), signal)
  await github.listIssues(REPO, new Date(), signal, etag ?? 'W/"x"')
  await github.getIssue(REPO, 1, signal)
  await github.listChanges(REPO, 1, signal)
  await github.listLabels(REPO, signal)
  await github.addLabels(REPO, 1, ["bug", "feature"], signal)
  await github.addAssignee(REPO, 1, "ana", signal)
  const hook = await github.hooks.find(REPO, URL_OF_OURS, signal)
  if (!hook) throw new Error("the webhook was not found")
  const { deliveries, next } = await github.hooks.deliveries(hook, null, signal)
  expect(next).not.toBeNull()
  await github.hooks.deliveries(hook, next, signal)
  await github.hooks.redeliver(hook, deliveries[0]?.id ?? "", signal)
}

async function makeApp(): Promise<void> {
  server.manifests.set("code", {
    id: 1,
    slug: "v",
    html_url: "https://github.com/apps/v",
    pem: "p",
    webhook_secret: "s",
  })
  const apps = createGitHubApps({
    states: { add: async () => {}, take: async () => true },
    store: async () => {},
    random: (bytes) => new Uint8Array(bytes),
    apiUrl: server.url,
  })
  await apps.finish({ code: "code", state: "s" }, signal)
}

test("every request in the sources was sent", () => {
  const files = globSync("*.ts", { cwd: SOURCES }).map((name) => readFileSync(join(SOURCES, name), "utf8"))
  const written = files.join("\n").matchAll(/["`](GET|POST|PUT|PATCH|DELETE) (\/[^"`]*)["`]/g)
  const routes = [...written].map(([, method = "", path = ""]) => {
    const parts = path.split(/\{\w+\}|\$\{\w+\}/).map((part) => part.replaceAll(/[.*+?^$()|[\]\\]/g, "\\$&"))
    return new RegExp(`^${method} ${parts.join("[^?]+")}$`)
  })
  expect(routes.length).toBeGreaterThan(12)
  const sent = server.asked.map(nameOf)
  expect(routes.filter((route) => !sent.some((one) => route.test(one)))).toEqual([])
})

test("the id of a delivery keeps every digit, however large it is", () => {
  const asked = server.asked.filter(({ url }) => url.pathname.endsWith("/attempts"))
  expect(asked.map(({ url }) => url.pathname.split("/").at(-2))).toEqual(["93676014012180487", "93676014012180488"])
})

const held = noGitHubOracle === undefined ? describe : describe.skip
held(noGitHubOracle ?? "by GitHub's description", () => {
  test("no request has a fault", async () => {
    const faults: string[] = []
    for (const asked of server.asked) {
      if (UNDESCRIBED.some((one) => one.test(nameOf(asked)))) continue
      for (const fault of (await oracle?.faults(asked)) ?? ["no judge"]) faults.push(`${nameOf(asked)}: ${fault}`)
    }
    expect(faults).toEqual([])
  })

  test.each([
    ["labels that are not text", "POST", "/repos/o/r/issues/1/labels", { labels: [{ names: 5 }] }],
    ["an unknown field", "POST", "/repos/o/r/issues/1/assignees", { assignees: ["ana"], loudly: true }],
    ["an unknown path", "POST", "/repos/o/r/issues/1/labelz", { labels: ["bug"] }],
    ["an unknown parameter", "GET", "/repos/o/r/issues?sorted=updated", undefined],
    ["a value that is not allowed", "GET", "/repos/o/r/issues?sort=loudness", undefined],
  ])("%s is found", async (_, method, path, body) => {
    const asked = { method, url: new URL(path, "http://localhost"), headers: { "content-type": "application/json" } }
    expect(await oracle?.faults({ ...asked, body: body ? JSON.stringify(body) : "" })).not.toEqual([])
  })
})
