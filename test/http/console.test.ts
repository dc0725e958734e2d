import { existsSync } from "node:fs"
import { sql } from "drizzle-orm"
import { type Browser, chromium, type Page } from "playwright-core"
import { afterAll, beforeAll, expect, test } from "vitest"
import { newId } from "../../src/base/ids.ts"
import { OWNER_ID } from "../../src/thread/people/people.ts"
import { suspend } from "../../src/thread/runs/finish.ts"
import { type House, house } from "./everything.ts"

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium"
const missing = !existsSync(executablePath)
if (missing)
  process.stderr.write(`The console's browser test is skipped: there is no ${executablePath}; set CHROMIUM.\n`)

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
]

let h: House
let browser: Browser
beforeAll(async () => {
  if (missing) return
  h = await house({ limits: { lookMs: 60_000 } })
  browser = await chromium.launch({ executablePath, args: FLAGS })
})
afterAll(async () => {
  await browser?.close()
  await h?.stop()
})

/** Signs in through the one-time link; everything that the browser complains about is collected. */
async function signedIn(
  options: Parameters<Browser["newPage"]>[0] = {},
): Promise<{ page: Page; complaints: string[] }> {
  const page = await browser.newPage(options)
  const complaints: string[] = []
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()))
  page.on("pageerror", (error) => complaints.push(error.message))
  await page.goto(`${h.url}/start?k=${await h.sessions.mint()}`)
  await page.getByRole("button", { name: "Sign in" }).click()
  await page.waitForURL(`${h.url}/`)
  return { page, complaints }
}

test.skipIf(missing)(
  "a chat in a real browser: Enter sends, the answer comes live, and nothing breaks the policy",
  async () => {
    const worker = h.s.work()
    const { page, complaints } = await signedIn()
    const live = page.waitForResponse((answer) => answer.url().endsWith("/live"))
    await page.reload()
    expect((await live).status()).toBe(200)
    const box = page.getByLabel("Message", { exact: true })
    await box.fill("hello <b>there</b>")
    await box.press("Enter")
    await page.getByText("echo: hello <b>there</b>").waitFor({ timeout: 60_000 })
    await expect.poll(() => box.inputValue()).toBe("")
    expect(await page.locator("#log article").count()).toBe(2)
    expect(await page.locator("#log b").count()).toBe(0)
    await page.locator("#runs li", { hasText: "done" }).waitFor({ timeout: 60_000 })
    await page.getByRole("link", { name: "hello <b>there</b>" }).click()
    await page.getByRole("heading", { name: /hello <b>there<\/b> done/ }).waitFor()
    expect(complaints).toEqual([])
    await page.close()
    await worker.stop(1000)
  },
)

test.skipIf(missing)("what needs the owner appears live and is decided with a click", async () => {
  const { page, complaints } = await signedIn()
  const { threadId } = await h.s.inbox.accept({
    source: "test",
    externalId: newId(),
    kind: "message",
    channel: "web",
    threadKey: "web:asks",
    target: "owner",
    personId: OWNER_ID,
    label: { integrity: "owner", confidentiality: "private" },
    payload: { text: "label it" },
  })
  const claim = await h.s.leases.claim(threadId)
  if (!claim?.run) throw new Error("nothing was claimed")
  await suspend(h.s.db, {
    runId: claim.run.id,
    fence: claim.fence,
    now: new Date(),
    entries: [],
    posts: [],
    question: {
      id: newId(),
      step: 0,
      kind: "approval",
      code: "K7",
      tool: "label",
      args: "{}",
      argsHash: "x",
      display: "label breaking on #812",
      askedOf: OWNER_ID,
      expiresAt: new Date(Date.now() + 60_000),
    },
  })
  h.s.notifier.notify("thread", threadId)
  await page.getByRole("button", { name: "Approve K7" }).click({ timeout: 60_000 })
  await page.getByText("Nothing waits for you").waitFor()
  expect(await h.s.db.query(sql`select 1 from approvals where code = 'K7' and state = 'approved'`)).toHaveLength(1)
  await page.getByRole("button", { name: "Run the demo triage" }).click()
  await page.getByText("Triage: <10> issues").waitFor()
  expect(complaints).toEqual([])
  await page.close()
})

test.skipIf(missing)("the page fits 320 pixels and works without script", async () => {
  const { page } = await signedIn({ javaScriptEnabled: false, viewport: { width: 320, height: 640 } })
  await page.getByLabel("Message", { exact: true }).fill("plain form")
  await page.getByRole("button", { name: "Send" }).click()
  await page.locator("#log article", { hasText: "plain form" }).waitFor()
  await page.close()
  const narrow = await signedIn({ viewport: { width: 320, height: 640 } })
  const width = await narrow.page.evaluate("document.documentElement.scrollWidth")
  expect(width).toBe(320)
  await narrow.page.close()
})
