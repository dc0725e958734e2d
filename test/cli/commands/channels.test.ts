import { afterEach, expect, test } from "vitest"
import { type Routes, refused, startServer, vigil } from "../command.ts"

const cleanup: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const clean of cleanup.splice(0)) await clean()
})
async function served(routes: Routes) {
  const server = await startServer(routes)
  cleanup.push(() => server.stop())
  return server
}

const sms = {
  id: "sms",
  state: "ready",
  detail: "+15550001111",
  takes: "webhook",
  findings: [
    { severity: "error", message: "messages go \u001b[31melsewhere", fix: "run: npx vigil channels setup sms" },
  ],
  paused: null,
  lastInAt: "2026-11-22T12:00:00.000Z",
  lastOutAt: null,
  waiting: 2,
  failed: 1,
}
const paused = { ...sms, id: "telegram", findings: [], paused: { failures: 5, until: "2026-11-22T12:05:00.000Z" } }
const list: Routes = { "GET /api/v1/channels": () => ({ status: 200, body: { channels: [sms, paused] } }) }

test("lists every channel with what went through it, and what is wrong with its fix", async () => {
  const { env } = await served(list)
  const { code, stdout } = await vigil(["channels"], { env })
  expect(code).toBe(0)
  expect(stdout).toMatch(/CHANNEL +STATE +IN BY +LAST IN +LAST OUT +WAIT +FAILED +DETAIL/)
  expect(stdout).toMatch(/sms +ready +webhook .+ 2 +1 +\+15550001111/)
  expect(stdout).toMatch(/telegram +paused until/)
  expect(stdout).toMatch(/^sms: error: messages go .*elsewhere\n {2}fix: run: npx vigil channels setup sms$/m)
  expect(stdout).not.toContain("\u001b[31m")
})

test("hands the whole document on with --json", async () => {
  const { env } = await served(list)
  const { stdout } = await vigil(["channels", "--json"], { env })
  expect(JSON.parse(stdout)).toEqual({ channels: [sms, paused] })
})

test("sets a channel up and prints what was done", async () => {
  const done = ["Messages to +15550001111 are delivered here."]
  const server = await served({ "POST /api/v1/channels/sms/setup": () => ({ status: 200, body: { done } }) })
  const { code, stdout } = await vigil(["channels", "setup", "sms"], { env: server.env })
  expect([code, stdout]).toEqual([0, `${done[0]}\n`])
  const asJson = await vigil(["channels", "setup", "sms", "--json"], { env: server.env })
  expect(JSON.parse(asJson.stdout)).toEqual({ done })
})

test("what cannot be set up is said with its fix", async () => {
  const { env } = await served({
    "POST /api/v1/channels/sms/setup": () => refused(500, "no_public_url", "there is no address to deliver to"),
  })
  const { code, stderr } = await vigil(["channels", "setup", "sms"], { env })
  expect(code).toBe(1)
  expect(stderr).toContain("there is no address to deliver to")
})
