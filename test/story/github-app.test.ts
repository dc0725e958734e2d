/** The owner makes a GitHub App on the page: a form to GitHub, a code back, the credentials in the vault, ready at the next start. */
import { generateKeyPairSync } from "node:crypto"
import { afterEach, beforeEach, expect, test } from "vitest"
import { z } from "zod"
import { type GitHubStandIn, start as startGitHub } from "../support/github-stand-in.ts"
import {
  type Home,
  home,
  type Product,
  PUBLIC_URL,
  type RunningClock,
  runningClock,
  startProduct,
} from "../support/product.ts"

const WAIT = { timeout: 60_000 }
const REPO = "octo/shop"
const SECRET = "made-by-github-0123456789abcdef"
const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 })
const PEM = privateKey.export({ type: "pkcs1", format: "pem" }).toString()

let clock: RunningClock
let github: GitHubStandIn
let place: Home
let product: Product | undefined

beforeEach(async () => {
  clock = runningClock()
  github = await startGitHub({ now: clock.now, repos: { [REPO]: {} } })
  github.manifests.set("code-1", {
    id: 987654,
    slug: "vigil-of-ana",
    html_url: "https://github.com/apps/vigil-of-ana",
    pem: PEM,
    webhook_secret: SECRET,
  })
  place = await home()
})
afterEach(async () => {
  await product?.stop()
  product = undefined
  await github.stop()
  await place.remove()
})

async function started(more: Record<string, string> = {}): Promise<Product> {
  const env = { PUBLIC_URL, GITHUB_API_URL: github.url, ...more }
  product = await startProduct({ clock, home: place, env })
  return product
}

/** A browser that the owner signed in. */
async function browser(at: Product) {
  const key = new URL(await at.app.ownerLink()).searchParams.get("k") ?? ""
  const signedIn = await send(at, "/start", { k: key })
  return (signedIn.headers.get("set-cookie") ?? "").split(";", 1)[0] ?? ""
}

const send = (at: Product, path: string, form: Record<string, string>, headers: Record<string, string> = {}) =>
  at.ask(path, {
    method: "POST",
    redirect: "manual",
    headers: { "sec-fetch-site": "same-origin", ...headers },
    body: new URLSearchParams(form),
  })

const unescaped = (text: string) =>
  text
    .replaceAll(/&#(\d+);/g, (_all, code: string) => String.fromCharCode(Number(code)))
    .replaceAll("&quot;", '"')
    .replaceAll("&amp;", "&")
const field = (page: string, name: string) =>
  unescaped(new RegExp(`name="${name}" value="([^"]*)"`).exec(page)?.[1] ?? "")
const manifestSchema = z.strictObject({
  name: z.string().max(34),
  url: z.url(),
  description: z.string(),
  public: z.literal(false),
  redirect_url: z.url(),
  default_permissions: z.strictObject({ issues: z.literal("write"), metadata: z.literal("read") }),
  hook_attributes: z.strictObject({ url: z.url(), active: z.literal(true) }).optional(),
  default_events: z.tuple([z.literal("issues")]).optional(),
})

/** Up to the form that goes to GitHub. */
async function begun(at: Product, cookie: string, org = "") {
  const answer = await send(at, "/setup/github", { org }, { cookie })
  const page = await answer.text()
  const action = unescaped(/<form method="post" action="(http[^"]+)"/.exec(page)?.[1] ?? "")
  const state = new URL(action).searchParams.get("state") ?? ""
  return { answer, action, state, manifest: manifestSchema.parse(JSON.parse(field(page, "manifest"))) }
}

test("the app is made, its credentials are in the vault alone, and after a restart it triages", async () => {
  const at = await started()
  const cookie = await browser(at)
  expect(await (await at.ask("/setup/github", { headers: { cookie } })).text()).toContain("Prepare it")
  const { answer, action, state, manifest } = await begun(at, cookie)
  expect(action).toBe(`${github.url}/settings/apps/new?state=${state}`)
  expect(answer.headers.get("content-security-policy")).toContain(`form-action 'self' ${github.url};`)
  expect(manifest).toMatchObject({
    redirect_url: `${PUBLIC_URL}/setup/github/made`,
    hook_attributes: { url: `${PUBLIC_URL}/webhooks/github` },
  })

  // GitHub's redirect comes without our cookie, and only shows a button.
  const returned = await at.ask(`/setup/github/made?code=code-1&state=${state}`)
  const page = await returned.text()
  expect([field(page, "code"), field(page, "state")]).toEqual(["code-1", state])
  expect(github.manifests.size).toBe(1)

  const made = await send(at, "/setup/github/made", { code: "code-1", state }, { cookie })
  const words = await made.text()
  expect(made.status).toBe(200)
  expect(words).toContain("https://github.com/apps/vigil-of-ana/installations/new")
  expect(words).toContain("Restart Vigil")
  expect(words).not.toContain(SECRET)
  const { secrets } = await at.api<{ secrets: { name: string }[] }>("/api/v1/secrets")
  const names = ["GITHUB_APP_ID", "GITHUB_APP_PRIVATE_KEY", "GITHUB_WEBHOOK_SECRET"]
  expect(secrets.map(({ name }) => name)).toEqual(names)
  expect(JSON.stringify(at.lines)).not.toContain(SECRET)

  await at.stop()
  const again = await started({ GITHUB_REPOS: REPO })
  const { number } = github.put(REPO, { title: "App crashes with a TypeError when saving" })
  const delivery = { event: "issues", payload: github.payload(REPO, number, "opened"), secret: SECRET, id: "d-1" }
  expect((await github.deliver(`${again.url}/webhooks/github`, delivery)).status).toBe(202)
  await expect.poll(() => github.writes, WAIT).toMatchObject([{ number, values: ["bug"], by: "installation-token" }])
  const status = await again.api<{ channels: { id: string; detail: string }[] }>("/api/v1/status")
  expect(status.channels.find(({ id }) => id === "github")?.detail).toContain("vigil-app[bot]")
})

test("a state works once, for an hour, and only one that was given here", async () => {
  const at = await started()
  const cookie = await browser(at)
  const finish = async (form: Record<string, string>, headers: Record<string, string> = { cookie }) =>
    (await send(at, "/setup/github/made", form, headers)).status
  const { state } = await begun(at, cookie)
  expect(await finish({ code: "code-1", state: "x".repeat(43) })).toBe(403)
  expect(await finish({ code: "code-1", state }, {})).toBe(401)
  expect(await finish({ code: "code-1", state }, { cookie, "sec-fetch-site": "cross-site" })).toBe(403)
  expect(github.manifests.size).toBe(1)
  expect(await finish({ code: "unknown-code", state })).toBe(400)
  expect(await finish({ code: "code-1", state })).toBe(403)
  const old = await begun(at, cookie)
  clock.pass(61 * 60_000)
  expect(await finish({ code: "code-1", state: old.state })).toBe(403)
  expect((await at.api<{ secrets: object[] }>("/api/v1/secrets")).secrets).toEqual([])
})

test("nobody but the owner gets the form, and what an address says is only text", async () => {
  const at = await started()
  await browser(at)
  expect((await at.ask("/setup/github")).status).toBe(401)
  expect((await send(at, "/setup/github", {})).status).toBe(401)
  const odd = await at.ask(`/setup/github/made?code=${encodeURIComponent('"><script>')}&state=x`)
  expect(odd.status).toBe(400)
  expect(await odd.text()).not.toContain("<script>")
})

test("an organization's app is made on its own page, and without a public address it has no webhook", async () => {
  product = await startProduct({ clock, home: place, env: { GITHUB_API_URL: github.url } })
  const { action, manifest } = await begun(product, await browser(product), "acme-corp")
  expect(new URL(action).pathname).toBe("/organizations/acme-corp/settings/apps/new")
  expect(manifest.hook_attributes).toBeUndefined()
  expect(manifest.redirect_url).toBe(`${product.url}/setup/github/made`)
})
