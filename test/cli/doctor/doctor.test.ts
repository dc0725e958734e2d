/** Doctor: finds what is wrong with and without a running server, and says the fix. */
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, expect, test } from "vitest"
import { spawnMakeDatabase } from "../../../src/db/initdb.ts"
import { lockDataDir } from "../../../src/db/lock.ts"
import { codeSchema } from "../../../src/db/migrate.ts"
import { testDir } from "../../support/dir.ts"
import type { Answer } from "../../support/stand-in.ts"
import { CHANNEL, SECRET, STATUS } from "../answers.ts"
import { freePort, type Routes, refused, startServer, TOKEN, vigil } from "../command.ts"

interface Report {
  ok: boolean
  checks: { checkId: string; ok: boolean; detail: string }[]
  findings: { checkId: string; severity: string; message: string; fix: string }[]
}

const cleanup: (() => void | Promise<void>)[] = []

afterEach(async () => {
  for (const clean of cleanup.splice(0).reverse()) await clean()
})

/** A data directory as a server leaves it: for its user alone, with a token. */
function dataDir(): string {
  const { dir, remove } = testDir()
  cleanup.push(remove)
  writeFileSync(join(dir, "token"), `${TOKEN}\n`, { mode: 0o600 })
  return dir
}

async function running(routes: Routes = {}, stranger?: () => Answer): Promise<Record<string, string>> {
  const model = { provider: "openai", model: "gpt-6-luna", offline: false, because: "set" }
  const status = { ...STATUS, model, channels: [] }
  const all = {
    "GET /readyz": () => ({ status: 200, body: { ready: true, reasons: [] } }),
    "GET /api/v1/status": () => ({ status: 200, body: status }),
    "GET /api/v1/secrets": () => ({ status: 200, body: { secrets: [] } }),
    ...routes,
  }
  const server = await startServer(all, stranger)
  cleanup.push(() => server.stop())
  return { PORT: new URL(server.url).port, DATA_DIR: dataDir() }
}

async function doctor(env: Record<string, string>): Promise<Report & { code: number | null }> {
  const { code, stdout } = await vigil(["doctor", "--json"], { env })
  return { code, ...(JSON.parse(stdout) as Report) }
}

const withChannels = (...channels: object[]): Routes => ({
  "GET /api/v1/status": () => ({
    status: 200,
    body: { ...STATUS, channels },
  }),
})

test("with a healthy server nothing is found; the token comes from the data directory", async () => {
  const { code, ok, findings, checks } = await doctor(await running())
  expect([code, ok, findings]).toEqual([0, true, []])
  expect(checks.map(({ checkId }) => checkId)).toEqual([
    "node",
    "server",
    "model",
    "owner",
    "config",
    "data-dir",
    "database",
  ])
})

test("for people each check is a line", async () => {
  const { code, stdout, stderr } = await vigil(["doctor"], { env: await running() })
  expect(code).toBe(0)
  expect(stdout).toMatch(/^ok {7}node +Node 26/m)
  expect(stderr).toBe("Nothing wrong was found.\n")
})

test("without a server that is found, and the rest is looked at all the same", async () => {
  const env = { PORT: await freePort(), DATA_DIR: dataDir() }
  const { code, findings, checks } = await doctor(env)
  expect(code).toBe(1)
  expect(findings).toEqual([
    {
      checkId: "server",
      severity: "warning",
      message: `no Vigil server answers at http://127.0.0.1:${env.PORT}`,
      fix: "start it in another terminal: npm start",
    },
  ])
  expect(checks.at(-1)).toEqual({
    checkId: "database",
    ok: true,
    detail: "embedded, not there yet; the first start makes it",
  })
})

test("every wrong variable is found at once", async () => {
  const env = { PORT: await freePort(), DATA_DIR: dataDir(), OWNER_TIMEZONE: "Mars/Base", TELEGRAM_BOT_TOKEN: "?" }
  const { findings } = await doctor(env)
  const messages = findings.filter(({ checkId }) => checkId === "config").map(({ message }) => message)
  expect(messages).toEqual([expect.stringMatching(/^TELEGRAM_BOT_TOKEN/), expect.stringMatching(/^OWNER_TIMEZONE/)])
})

test("an address open to others without a master key is found", async () => {
  const { findings } = await doctor({ PORT: await freePort(), DATA_DIR: dataDir(), HOST: "0.0.0.0" })
  expect(findings).toContainEqual(
    expect.objectContaining({ checkId: "config", message: expect.stringMatching(/^MASTER_KEY/) }),
  )
})

test("a secret that is in the vault is not missing", async () => {
  const twilio = { TWILIO_ACCOUNT_SID: `AC${"0".repeat(32)}`, TWILIO_NUMBER: "+15551234567" }
  const without = await doctor({ ...(await running()), ...twilio })
  expect(without.findings.map(({ message }) => message)).toEqual([
    expect.stringMatching(/^TWILIO_AUTH_TOKEN is missing/),
  ])
  const vault = {
    "GET /api/v1/secrets": () => ({ status: 200, body: { secrets: [{ ...SECRET, name: "TWILIO_AUTH_TOKEN" }] } }),
  }
  expect((await doctor({ ...(await running(vault)), ...twilio })).findings).toEqual([])
})

test("a data directory and a token that others can read are found", async () => {
  const env = await running()
  chmodSync(env.DATA_DIR ?? "", 0o755)
  chmodSync(join(env.DATA_DIR ?? "", "token"), 0o644)
  const { findings } = await doctor(env)
  expect(findings.map(({ severity, fix }) => `${severity} ${fix}`)).toEqual([
    `warning run: chmod 700 ${env.DATA_DIR}`,
    `error run: chmod 600 ${env.DATA_DIR}/token`,
  ])
})

test("a data directory that another process holds is found, and who holds it", async () => {
  const env = { PORT: await freePort(), DATA_DIR: dataDir() }
  mkdirSync(join(env.DATA_DIR, "db"))
  cleanup.push(lockDataDir(env.DATA_DIR, new Date()))
  const { findings } = await doctor(env)
  expect(findings).toContainEqual(
    expect.objectContaining({ checkId: "database", message: expect.stringContaining(`process ${process.pid}`) }),
  )
})

test("the embedded database is opened when nobody holds it, and left to others", async () => {
  const env = { PORT: await freePort(), DATA_DIR: dataDir() }
  await spawnMakeDatabase(join(env.DATA_DIR, "db"))
  const { checks } = await doctor(env)
  expect(checks.at(-1)?.detail).toMatch(new RegExp(`^embedded, pgvector [\\d.]+, schema ${codeSchema()}$`))
  lockDataDir(env.DATA_DIR, new Date())()
})

test("a database that does not answer is found, and its password is not shown", async () => {
  const port = await freePort()
  const url = `postgres://user:canary-pass@127.0.0.1:${port}/vigil`
  const { stdout } = await vigil(["doctor", "--json"], {
    env: { PORT: port, DATA_DIR: dataDir(), DATABASE_URL: url },
  })
  expect(stdout).not.toContain("canary-pass")
  expect(JSON.parse(stdout).findings).toContainEqual(
    expect.objectContaining({ checkId: "database", severity: "error" }),
  )
})

test("a server that is not ready says why", async () => {
  const reason = "the database has schema a, this code needs b"
  const env = await running({ "GET /readyz": () => ({ status: 503, body: { ready: false, reasons: [reason] } }) })
  const { findings } = await doctor(env)
  expect(findings).toEqual([
    expect.objectContaining({ checkId: "server", message: reason, fix: expect.stringContaining("migrate") }),
  ])
})

test("a channel that fails is found, and offline mode is no fault", async () => {
  const routes = withChannels(
    { id: "telegram", state: "failing", detail: "the token is wrong" },
    { id: "web", state: "ready", detail: "this server" },
  )
  const { findings, checks } = await doctor(await running(routes))
  expect(findings).toEqual([expect.objectContaining({ checkId: "channel.telegram", message: "the token is wrong" })])
  expect(checks.find(({ checkId }) => checkId === "model")).toMatchObject({
    ok: true,
    detail: expect.stringContaining("offline mode"),
  })
})

test.each(["30032 and 30034", "error 30532"])("SMS refused for its registration (%s) is explained", async (detail) => {
  const { findings } = await doctor(await running(withChannels({ id: "sms", state: "failing", detail })))
  expect(findings[0]).toMatchObject({ checkId: "channel.sms", fix: expect.stringContaining("register the sender") })
})

test("what is wrong at a channel's provider is found, though it answers", async () => {
  const findings = [
    { severity: "error", message: "messages are delivered nowhere", fix: "run: npx vigil channels setup sms" },
    { severity: "warning", message: "it is a trial account", fix: "upgrade the account" },
  ]
  const channels = [{ ...CHANNEL, findings }]
  const routes = { "GET /api/v1/channels": () => ({ status: 200, body: { channels } }) }
  const found = await doctor(await running(routes))
  expect(found.findings).toEqual(findings.map((one) => ({ checkId: "channel.sms", ...one })))
  expect(found.checks.find(({ checkId }) => checkId === "channel.sms")?.detail).toMatch(
    /30532 for personal use\. What SMS does not deliver goes on by Telegram, e-mail or the web$/,
  )
})

test("an installation that others can reach and nobody owns is found", async () => {
  const stranger = () => refused(403, "unowned", "nobody owns this installation yet")
  const { findings } = await doctor(await running({}, stranger))
  expect(findings).toEqual([expect.objectContaining({ checkId: "owner", fix: expect.stringContaining("vigil link") })])
})

test("an API that answers strangers is found", async () => {
  const { findings } = await doctor(await running({}, () => ({ status: 200, body: {} })))
  expect(findings).toEqual([expect.objectContaining({ checkId: "owner", severity: "error" })])
})

test("a server that does not know the token is found, and is not taken for a crash", async () => {
  const env = await running()
  const { code, findings } = await doctor({ ...env, VIGIL_TOKEN: "x".repeat(40) })
  expect(code).toBe(1)
  expect(findings).toEqual([expect.objectContaining({ checkId: "token", fix: expect.stringContaining("VIGIL_TOKEN") })])
})

test("what answers there and is not Vigil is found", async () => {
  const { findings } = await doctor(await running({ "GET /readyz": () => refused(404, "no", "no") }))
  expect(findings).toContainEqual(expect.objectContaining({ message: expect.stringContaining("is not Vigil") }))
})

test("a token that cannot be read is found", async () => {
  const env = { PORT: await freePort(), DATA_DIR: dataDir() }
  rmSync(join(env.DATA_DIR, "token"))
  mkdirSync(join(env.DATA_DIR, "token"))
  const { code, findings } = await doctor(env)
  expect(code).toBe(1)
  expect(findings).toEqual([expect.objectContaining({ checkId: "token", message: expect.stringContaining("EISDIR") })])
})

test("when it cannot look the exit code is 2", async () => {
  const env = { PORT: await freePort(), VIGIL_TOKEN: TOKEN, DATA_DIR: `/${"d".repeat(300)}` }
  const { code, stdout } = await vigil(["doctor", "--json"], { env })
  expect([code, JSON.parse(stdout).error.code]).toEqual([2, "ENAMETOOLONG"])
})
