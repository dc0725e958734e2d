import { afterAll, beforeAll, expect, test } from "vitest"
import { createGitHubApps } from "../../../src/channels/github/app.ts"
import { type GitHubStandIn, start } from "../../support/github-stand-in.ts"

let server: GitHubStandIn
const signal = new AbortController().signal
const made = { id: 5, slug: "v", html_url: "https://github.com/apps/v", pem: "a key" }

beforeAll(async () => {
  server = await start()
})
afterAll(async () => await server.stop())

function apps(apiUrl?: string, publicUrl?: string) {
  const states = new Set<string>()
  const stored = new Map<string, string>()
  const all = createGitHubApps({
    states: { add: async (state) => void states.add(state), take: async (state) => states.delete(state) },
    store: async (name, value) => void stored.set(name, value),
    random: (bytes) => crypto.getRandomValues(new Uint8Array(bytes)),
    apiUrl,
    publicUrl,
  })
  return { ...all, states, stored }
}

const at = async (apiUrl?: string, org?: string) => {
  const { origin, pathname } = new URL((await apps(apiUrl).begin("http://127.0.0.1:8080", org)).action)
  return `${origin}${pathname}`
}

test("the form goes to the site that belongs to the API", async () => {
  expect(await at()).toBe("https://github.com/settings/apps/new")
  expect(await at("https://api.github.com")).toBe("https://github.com/settings/apps/new")
  expect(await at("https://github.acme.example/api/v3")).toBe("https://github.acme.example/settings/apps/new")
  expect(await at("https://api.acme.ghe.com", "acme")).toBe("https://acme.ghe.com/organizations/acme/settings/apps/new")
})

test("the name fits GitHub's limit, however long the address", async () => {
  const publicUrl = "https://a-rather-long-name-of-a-server.example.com"
  const { manifest } = await apps(undefined, publicUrl).begin(publicUrl)
  const { name } = JSON.parse(manifest) as { name: string }
  expect(name.length).toBeLessThanOrEqual(34)
  expect(name).toMatch(/^vigil-[a-z\d-]*[a-z\d]$/)
})

test("while GitHub is away no state is used up, and the same button works later", async () => {
  const { begin, finish, states, stored } = apps(server.url)
  server.manifests.set("code-a", made)
  const state = new URL((await begin("http://127.0.0.1:8080")).action).searchParams.get("state") ?? ""
  server.trouble({ status: 503, body: {} })
  await expect(finish({ code: "code-a", state }, signal)).rejects.toMatchObject({ name: "Retry" })
  expect(await finish({ code: "code-a", state }, signal)).toEqual({
    slug: "v",
    installUrl: "https://github.com/apps/v/installations/new",
    isCalled: false,
  })
  expect(Object.fromEntries(stored)).toEqual({ GITHUB_APP_ID: "5", GITHUB_APP_PRIVATE_KEY: "a key" })
  expect(states.size).toBe(0)
})

test("each state is new and hard to guess", async () => {
  const { begin, states } = apps()
  for (let time = 0; time < 100; time++) await begin("http://127.0.0.1:8080")
  expect(states.size).toBe(100)
  expect([...states].every((state) => Buffer.from(state, "base64url").length === 32)).toBe(true)
})
