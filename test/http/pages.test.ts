import { gzipSync } from "node:zlib"
import { sql } from "drizzle-orm"
import { afterAll, beforeAll, expect, test } from "vitest"
import { newId } from "../../src/base/ids.ts"
import { json } from "../../src/db/sql.ts"
import { markup, safeUrl } from "../../src/http/pages/markup.ts"
import { append } from "../../src/journal/journal.ts"
import { OWNER_ID } from "../../src/thread/people/people.ts"
import { type House, house } from "./everything.ts"

let h: House
let cookie: string
beforeAll(async () => {
  h = await house()
  cookie = await h.cookie()
})
afterAll(async () => {
  await h.stop()
})

const get = (path: string) => fetch(`${h.url}${path}`, { headers: { cookie } })
const post = (path: string, form: Record<string, string>, headers: Record<string, string> = {}) =>
  fetch(`${h.url}${path}`, {
    method: "POST",
    redirect: "manual",
    headers: { cookie, "sec-fetch-site": "same-origin", ...headers },
    body: new URLSearchParams(form),
  })

/** Each breaks out of somewhere: text, attribute, script, style, template, htmx. */
const ATTACKS = [
  `<script>alert(1)</script>`,
  `"><img src=x onerror=alert(1)>`,
  `' onmouseover='alert(1)`,
  `</textarea><svg onload=alert(1)>`,
  `</pre></details><iframe src=javascript:alert(1)>`,
  `<hx-partial hx-target="body" hx-swap="innerHTML"><h1>mine</h1></hx-partial>`,
  `<div hx-get="/signout" hx-trigger="load">`,
  `[click](javascript:alert(1)) and [data](data:text/html,<script>alert(1)</script>)`,
  `![image](x" onerror="alert(1))`,
  `<!--`,
  `]]><style>*{display:none}</style>`,
  `\u2028<a href="jav&#x09;ascript:alert(1)">x</a>`,
  "`$" + "{alert(1)}` !$" + "{alert(2)}",
]

/** Tags and attributes that our own pages never have; any of them came from the attack. */
function expectHarmless(page: string) {
  expect(page).not.toMatch(/<(img|iframe|style|svg|object|embed|base)\b/i)
  expect(page.match(/<script\b/gi) ?? []).toHaveLength(page.includes("<!doctype") ? 1 : 0)
  expect(page).not.toMatch(/<[^>]*\son\w+\s*=/i)
  expect(page).not.toMatch(/<[^>]*(href|src|action)="\s*(javascript|data|vbscript):/i)
  expect(page).not.toMatch(/<hx-partial hx-target="body"/)
  expect(page).not.toMatch(/<[^>]*hx-get=/)
  expect(page).not.toContain("<!--")
}

/** A run whose every text is an attack. */
async function poisoned(attack: string): Promise<string> {
  await h.s.db.query(sql`update inbox set state = 'done'`)
  await h.s.db.query(sql`update approvals set state = 'cancelled'`)
  const { threadId, id } = await h.s.inbox.accept({
    source: "test",
    externalId: newId(),
    kind: "message",
    channel: "web",
    threadKey: "web:owner",
    target: "owner",
    personId: OWNER_ID,
    label: { integrity: "untrusted", confidentiality: "public" },
    payload: { text: attack },
  })
  const claim = await h.s.leases.claim(threadId)
  if (!claim?.run || claim.run.events[0]?.id !== id) throw new Error("another run was claimed")
  const runId = claim.run.id
  const context = {
    sections: [{ name: attack, tokens: 3 }],
    recalled: [{ id: 1, text: attack, score: 0.5 }],
    system: attack,
  }
  const base = { opId: newId(), replay: "pure" as const }
  await append(h.s.db, runId, claim.fence, [
    { ...base, n: 0, phase: "outcome", kind: "note", name: "context", result: context },
    {
      ...base,
      n: 1,
      phase: "intent",
      kind: "tool",
      name: attack,
      request: { args: attack, verdict: { decision: "deny", reason: attack } },
    },
    {
      ...base,
      n: 1,
      phase: "outcome",
      kind: "tool",
      name: attack,
      result: { ok: false, code: "denied", message: attack },
    },
  ])
  await h.s.db.query(sql`
    with posted as (
      insert into outbox (id, thread_id, run_id, dedupe_key, channel, target, body, state, error, next_at, created_at)
      values (${newId()}::uuid, ${threadId}::uuid, ${runId}::uuid, ${newId()}, 'web', ${attack},
        ${json({ text: attack, buttons: [{ label: attack, reply: attack }] })}, 'failed', ${json({ code: attack })}, now(), now())
    ), asked as (
      insert into approvals (id, run_id, thread_id, step, kind, code, tool, args, args_hash, display, asked_of, created_at, expires_at)
      values (${newId()}::uuid, ${runId}::uuid, ${threadId}::uuid, 9, 'approval', 'K7', 'x', '{}', 'x', ${attack}, ${OWNER_ID}::uuid, now(), now() + interval '1 hour')
    ), freed as (
      update threads set owner = null, ready_at = null where id = ${threadId}::uuid
    ), ended as (
      update inbox set state = 'done' where id = ${id}::uuid
    )
    update runs set state = 'failed', model = ${attack}, error = ${json({ message: attack })}, ended_at = now() where id = ${runId}::uuid`)
  return runId
}

test.each(ATTACKS)("shows %j as text everywhere", async (attack) => {
  const runId = await poisoned(attack)
  const pages = [
    await get("/"),
    await get(`/runs/${runId}`),
    await get("/runs"),
    await post("/messages", { text: attack }, { "hx-request": "true" }),
  ]
  for (const answer of pages) {
    expect(answer.status).toBe(200)
    expectHarmless(await answer.text())
  }
})

test("Markdown becomes markup, its HTML stays text, and links lead only to the web or to mail", () => {
  expect(markup("**bold** and `a<b`")).toBe("<strong>bold</strong> and <code>a&#60;b</code>")
  expect(markup("[x](https://example.com/?a=1&b=2)")).toContain('href="https://example.com/?a&#61;1&#38;b&#61;2"')
  expect(markup("<b>no</b>")).not.toContain("<b>")
  for (const bad of ["javascript:alert(1)", "JAVASCRIPT:x", "data:text/html,x", "vbscript:x", "//evil.example", "x"])
    expect(safeUrl(bad)).toBeNull()
  expect(safeUrl("mailto:a@example.com")).toBe("mailto:a@example.com")
})

test("a run's page shows verdict, prompt by section, recalled memories with scores, and delivery", async () => {
  const runId = await poisoned("plain words")
  const page = await (await get(`/runs/${runId.slice(0, 20)}`)).text()
  for (const shown of [
    "Verdict:",
    "deny",
    "Prompt by section",
    "Recalled memories",
    "0.500",
    "failed",
    "untrusted, public",
  ])
    expect(page).toContain(shown)
  expect((await get(`/runs/${newId()}`)).status).toBe(404)
})

test("the chat works as plain forms", async () => {
  const said = await post("/messages", { text: "no script here" })
  expect([said.status, said.headers.get("location")]).toEqual([303, "/"])
  const page = await (await get("/")).text()
  expect(page).toContain("no script here")
  expect(page).toContain('action="/messages"')
  expect((await post("/messages", { text: " " })).status).toBe(400)
  expect(
    (
      await fetch(`${h.url}/messages`, {
        method: "POST",
        headers: { cookie, "sec-fetch-site": "same-origin", "content-type": "application/json" },
        body: "{}",
      })
    ).status,
  ).toBe(415)
})

test("an approval is decided by its button", async () => {
  await poisoned("may I?")
  expect(await (await get("/")).text()).toContain('aria-label="Approve K7"')
  expect((await post("/approvals/K7", { verdict: "no" })).status).toBe(303)
  expect(await h.s.db.query(sql`select 1 from approvals where code = 'K7' and state = 'denied'`)).toHaveLength(1)
  expect(await (await get("/")).text()).toContain("Nothing waits for you")
})

test("the demo shows its digest, as a page or as a fragment", async () => {
  expect(await (await post("/demo", {})).text()).toContain("Triage: &#60;10&#62; issues")
  expect(await (await post("/demo", {}, { "hx-request": "true" })).text()).toMatch(
    /^<p>10 issues: 8 decided, 2 for you/,
  )
})

test("pages say OFFLINE without a model, and stay up when the state cannot be told", async () => {
  expect(await (await get("/")).text()).toContain("OFFLINE")
  const broken = await house({ features: { status: async () => Promise.reject(new Error("no")) } })
  const page = await fetch(`${broken.url}/`, { headers: { cookie: await broken.cookie() } })
  expect(page.status).toBe(200)
  expect(await page.text()).toContain("cannot be told right now")
  await broken.stop()
})

test("script and style are one file each, under hashed names that may be kept, and small", async () => {
  const page = await (await get("/")).text()
  const [script, style] = [
    /src="(\/assets\/console-[0-9a-f]{16}\.js)"/.exec(page)?.[1],
    /href="(\/assets\/console-[0-9a-f]{16}\.css)"/.exec(page)?.[1],
  ]
  const js = await get(script ?? "")
  expect(js.headers.get("cache-control")).toContain("immutable")
  expect(js.headers.get("content-type")).toBe("text/javascript; charset=utf-8")
  expect(gzipSync(await js.text()).length).toBeLessThan(20_000)
  const css = await get(style ?? "")
  expect(css.headers.get("content-type")).toBe("text/css; charset=utf-8")
  expect((await css.text()).length).toBeLessThan(9000)
  expect(page).not.toMatch(/<style|style="/)
})
