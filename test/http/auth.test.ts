import { sql } from "drizzle-orm"
import { afterAll, beforeAll, expect, test } from "vitest"
import { type House, house, PUBLIC_URL, sending, signIn, TOKEN } from "./everything.ts"

let h: House
beforeAll(async () => {
  h = await house({ limits: { linksPerMinute: 1000 } })
})
afterAll(async () => {
  await h.stop()
})

const SAME = { "sec-fetch-site": "same-origin" }
const redeem = (k: string, headers: Record<string, string> = SAME) =>
  fetch(`${h.url}/start`, { method: "POST", redirect: "manual", headers, body: new URLSearchParams({ k }) })

test("the API wants the token, exactly", async () => {
  const status = async (authorization: string | null) =>
    (await fetch(`${h.url}/api/v1/status`, authorization === null ? {} : { headers: { authorization } })).status
  expect(await status(null)).toBe(401)
  for (const wrong of [
    "Bearer",
    "Bearer x",
    `Bearer ${TOKEN}x`,
    `Bearer ${TOKEN.slice(0, -1)}`,
    `Basic ${TOKEN}`,
    TOKEN,
  ])
    expect(await status(wrong)).toBe(401)
  expect(await status(`Bearer ${TOKEN}`)).toBe(200)
})

test("a body is not read before the caller is known", async () => {
  const answer = await fetch(`${h.url}/api/v1/messages`, { ...sending({}), body: "{not json" })
  expect(answer.status).toBe(401)
})

test("looking at a link does not use it up; it works once", async () => {
  const key = await h.sessions.mint()
  for (let look = 0; look < 3; look++) {
    const page = await fetch(`${h.url}/start?k=${key}`)
    expect(page.status).toBe(200)
    expect(page.headers.get("set-cookie")).toBeNull()
    expect(await page.text()).toContain(`value="${key}"`)
  }
  expect((await fetch(`${h.url}/start?k=${key}`, { method: "HEAD" })).status).toBe(200)
  const first = await redeem(key)
  expect([first.status, first.headers.get("location")]).toEqual([303, "/"])
  expect(first.headers.get("set-cookie")).toMatch(/^vigil=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Expires=/)
  const second = await redeem(key)
  expect([second.status, second.headers.get("set-cookie")]).toEqual([410, null])
  expect((await fetch(`${h.url}/start?k=${key}`)).status).toBe(410)
})

test("fifty uses of one link at once make one session", async () => {
  const key = await h.sessions.mint()
  const answers = await Promise.all(Array.from({ length: 50 }, () => redeem(key)))
  expect(answers.filter((answer) => answer.status === 303)).toHaveLength(1)
})

test("a link works for 30 minutes and a session for 12 hours", async () => {
  const [fresh, old] = [await h.sessions.mint(), await h.sessions.mint()]
  const cookie = await h.cookie()
  const home = () => fetch(`${h.url}/`, { headers: { cookie } })
  h.clock.at = new Date(Date.now() + 29 * 60_000)
  expect((await redeem(fresh)).status).toBe(303)
  h.clock.at = new Date(Date.now() + 31 * 60_000)
  expect((await redeem(old)).status).toBe(410)
  expect((await home()).status).toBe(200)
  h.clock.at = new Date(Date.now() + 12 * 3_600_000 + 60_000)
  expect((await home()).status).toBe(401)
  h.clock.at = new Date()
})

test("neither links nor sessions are stored as they are", async () => {
  const key = await h.sessions.mint()
  const cookie = await h.cookie()
  const rows = JSON.stringify(await h.s.db.query(sql`select * from sessions`))
  expect(rows).not.toContain(key)
  expect(rows).not.toContain(cookie.split("=")[1])
})

test("with a cookie only our own pages may change anything", async () => {
  const cookie = await h.cookie()
  const say = async (headers: Record<string, string>) =>
    (await fetch(`${h.url}/api/v1/messages`, sending({ text: "from a browser" }, { cookie, ...headers }))).status
  const form = async (headers: Record<string, string>) =>
    (
      await fetch(`${h.url}/messages`, {
        method: "POST",
        redirect: "manual",
        headers: { cookie, ...headers },
        body: new URLSearchParams({ text: "by form" }),
      })
    ).status
  for (const send of [say, form]) {
    const ok = send === say ? 202 : 303
    expect(await send(SAME)).toBe(ok)
    expect(await send({ origin: h.url })).toBe(ok)
    expect(await send({})).toBe(403)
    expect(await send({ "sec-fetch-site": "cross-site" })).toBe(403)
    expect(await send({ "sec-fetch-site": "same-site" })).toBe(403)
    expect(await send({ "sec-fetch-site": "cross-site", origin: h.url })).toBe(403)
    expect(await send({ origin: "https://evil.example" })).toBe(403)
    expect(await send({ origin: "null" })).toBe(403)
  }
  expect((await redeem(await h.sessions.mint(), { "sec-fetch-site": "cross-site" })).status).toBe(403)
  expect((await fetch(`${h.url}/api/v1/status`, { headers: { cookie } })).status).toBe(200)
})

test("no answer invites another origin", async () => {
  const answer = await fetch(`${h.url}/api/v1/status`, {
    method: "OPTIONS",
    headers: { origin: "https://evil.example", "access-control-request-method": "GET" },
  })
  expect([...answer.headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([])
})

test("signing out ends the session, not only the cookie", async () => {
  const cookie = await h.cookie()
  const out = await fetch(`${h.url}/signout`, { method: "POST", redirect: "manual", headers: { cookie, ...SAME } })
  expect(out.headers.get("set-cookie")).toContain("Max-Age=0")
  expect((await fetch(`${h.url}/`, { headers: { cookie } })).status).toBe(401)
})

test("pages without a session show how to sign in, and nothing else", async () => {
  for (const path of ["/", "/runs", "/runs/00000000", "/live"]) {
    const answer = await fetch(`${h.url}${path}`)
    expect(answer.status).toBe(401)
    expect(await answer.text()).toContain("npx vigil link")
  }
})

test("attempts at links are few", async () => {
  const tight = await house({ limits: { linksPerMinute: 3 } })
  const statuses = []
  for (let i = 0; i < 5; i++) statuses.push((await fetch(`${tight.url}/start?k=guess${i}`)).status)
  expect(statuses).toEqual([410, 410, 410, 429, 429])
  await tight.stop()
})

test("a public installation that nobody owns serves health, webhooks and the link, until the link is used", async () => {
  const open = await house({ config: { HOST: "0.0.0.0", PUBLIC_URL } })
  await open.s.db.query(sql`delete from addresses where channel <> 'web'`)
  const status = async (path: string, init: RequestInit = {}) => (await fetch(`${open.url}${path}`, init)).status
  expect(await status("/healthz")).toBe(200)
  expect(await status("/readyz")).toBe(200)
  expect(await status("/webhooks/telegram", sending({}))).toBe(401)
  for (const path of ["/", "/runs", "/live", "/api/v1/status", "/api/openapi.json"])
    expect(await status(path)).toBe(403)
  expect(await status("/api/v1/messages", sending({ text: "mine now" }))).toBe(403)
  const key = await open.sessions.mint()
  expect(await status(`/start?k=${key}`)).toBe(200)
  const cookie = await signIn(open.url, open.sessions)
  expect(cookie).toMatch(/^__Host-vigil=/)
  expect(await status("/", { headers: { cookie } })).toBe(200)
  expect(await status("/")).toBe(401)
  await open.stop()
})

test("behind https the cookie is for this host alone and secure", async () => {
  const secure = await house({ config: { HOST: "127.0.0.1", PUBLIC_URL } })
  const answer = await fetch(`${secure.url}/start`, {
    method: "POST",
    redirect: "manual",
    headers: { origin: PUBLIC_URL },
    body: new URLSearchParams({ k: await secure.sessions.mint() }),
  })
  expect(answer.headers.get("set-cookie")).toMatch(
    /^__Host-vigil=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Secure; /,
  )
  expect(answer.headers.get("strict-transport-security")).toBe("max-age=31536000")
  await secure.stop()
})
