/** What every command keeps to: exit codes, one document with `--json`, data on stdout and words on stderr. */
import { once } from "node:events"
import { afterAll, beforeAll, expect, test } from "vitest"
import packageJson from "../../package.json" with { type: "json" }
import { systemClock } from "../../src/base/clock.ts"
import { newId } from "../../src/base/ids.ts"
import { run } from "../../src/cli/program.ts"
import type { StandIn } from "../support/stand-in.ts"
import { STATUS as KNOWN_STATUS, MEMORY, RUN, SPEND } from "./answers.ts"
import { freePort, refused, startServer, startVigil, TOKEN, vigil } from "./command.ts"
import { startTerminal } from "./terminal.ts"

/** With a field that this version does not know. */
const STATUS = { ...KNOWN_STATUS, threads: 3 }
const ESC = String.fromCharCode(27)
const START = "start it in another terminal: npm start"
let server: StandIn & { env: Record<string, string> }

beforeAll(async () => {
  server = await startServer({
    "GET /api/v1/status": () => ({ status: 200, body: STATUS }),
    "GET /api/v1/runs": () => ({ status: 200, body: { runs: Array.from({ length: 200 }, () => RUN) } }),
    "GET /api/v1/spend": () => ({ status: 200, body: SPEND }),
    "GET /api/v1/automations": () => ({ status: 200, body: { automations: "none" } }),
    "GET /api/v1/memories": ({ url }) => ({
      status: 200,
      body: { memories: [{ ...MEMORY, text: `found ${url.searchParams.get("q")}` }] },
    }),
    "GET /api/v1/approvals": () => refused(503, "database_away", "the database is away", "Try again soon."),
  })
})

afterAll(() => server.stop())

test("without a command it shows the status", async () => {
  const { code, stdout } = await vigil([], server)
  expect(code).toBe(0)
  expect(stdout).toMatch(/model +offline mode \(no model is set\)/)
  expect(stdout).toMatch(/web +ready +here/)
})

test("with --json stdout is the server's document, unknown fields included", async () => {
  const { code, stdout, stderr } = await vigil(["status", "--json"], server)
  expect([code, JSON.parse(stdout), stderr]).toEqual([0, STATUS, ""])
})

test("--json is understood before the command too", async () => {
  const { stdout } = await vigil(["--json", "models"], server)
  expect(JSON.parse(stdout)).toEqual({ model: STATUS.model })
})

test("a list is a table whose columns hold together", async () => {
  const { code, stdout } = await vigil(["runs", "--limit", "2"], server)
  const [titles = "", first = ""] = stdout.split("\n")
  expect([code, titles]).toEqual([0, expect.stringContaining("STATE")])
  expect(first.indexOf("done")).toBe(titles.indexOf("STATE"))
  expect(server.asked.at(-1)?.url.search).toBe("?limit=2")
})

test("what has no page of its own is shown as facts, money as money", async () => {
  const { stdout } = await vigil(["spend"], server)
  expect(stdout).toMatch(/dailyUsd +\$5\.00/)
})

test("memory search sends the words and shows the scores", async () => {
  const { stdout } = await vigil(["memory", "search", "ana's", "birthday"], server)
  expect(stdout).toMatch(/4 +0\.87 +fact +2026-11-22 .* +found ana's birthday/)
})

test("a server that is not running is a failure that says how to start it", async () => {
  const port = await freePort()
  const { code, stdout, stderr } = await vigil(["status"], { env: { PORT: port } })
  expect([code, stdout]).toEqual([1, ""])
  expect(stderr).toBe(`vigil: no Vigil server answers at http://127.0.0.1:${port}\n  fix: ${START}\n`)
})

test("with --json a failure is one document on stdout", async () => {
  const port = await freePort()
  const { code, stdout, stderr } = await vigil(["status", "--json"], { env: { PORT: port } })
  expect([code, stderr]).toEqual([1, ""])
  const message = `no Vigil server answers at http://127.0.0.1:${port}`
  expect(JSON.parse(stdout)).toEqual({ ok: false, error: { code: "not_running", message, fix: START } })
})

test("what the server refuses is passed on with its code and fix", async () => {
  const { code, stdout } = await vigil(["approvals", "--json"], server)
  expect(code).toBe(1)
  expect(JSON.parse(stdout).error).toEqual({
    code: "database_away",
    message: "the database is away",
    fix: "Try again soon.",
  })
})

test("a wrong token is said to be one", async () => {
  const { code, stderr } = await vigil(["status"], { env: { ...server.env, VIGIL_TOKEN: "x".repeat(40) } })
  expect(code).toBe(1)
  expect(stderr).toMatch(/it does not know the token sent\)?\n {2}fix: set VIGIL_TOKEN/)
})

test("an answer of another shape is not shown as if it were right", async () => {
  const { code, stdout, stderr } = await vigil(["automations"], server)
  expect([code, stdout]).toEqual([1, ""])
  expect(stderr).toContain("the answer to /api/v1/automations is not what this version expects")
})

test.each([
  ["an unknown command", ["stats"], "Did you mean status?"],
  ["an unknown option", ["runs", "--many"], "unknown option"],
  ["a number out of range", ["runs", "--limit", "0"], "from 1 to 200"],
  ["a state that is none", ["runs", "--state", "gone"], "Allowed choices"],
  ["a missing argument", ["trace"], "missing required argument"],
])("%s is wrong usage", async (_name, args, said) => {
  const { code, stdout, stderr } = await vigil(args)
  expect([code, stdout]).toEqual([2, ""])
  expect(stderr).toContain(said)
})

test("wrong usage with --json is a document", async () => {
  const { code, stdout, stderr } = await vigil(["stats", "--json"])
  expect([code, stderr]).toEqual([2, ""])
  expect(JSON.parse(stdout).error.code).toBe("usage")
})

test("a setting that cannot be read is wrong configuration, and the server's own settings are not looked at", async () => {
  const bad = await vigil(["status"], { env: { ...server.env, PORT: "many" } })
  expect(bad.code).toBe(2)
  expect(bad.stderr).toContain("PORT")
  const fine = await vigil(["status"], { env: { ...server.env, TELEGRAM_BOT_TOKEN: "?", HOST: "0.0.0.0" } })
  expect(fine.code).toBe(0)
})

test("the token of this machine's server is not sent to another machine", async () => {
  const { code, stderr } = await vigil(["status"], { env: { VIGIL_URL: "http://vigil.example.com" } })
  expect(code).toBe(2)
  expect(stderr).toContain("VIGIL_TOKEN is not set")
})

test("help and its exit code", async () => {
  const { code, stdout } = await vigil(["--help"])
  expect(code).toBe(0)
  for (const name of ["start", "chat", "trace", "doctor", "secrets", "migrate"]) expect(stdout).toContain(`  ${name}`)
})

test("--version is the package's", async () => {
  const { code, stdout } = await vigil(["--version"])
  expect([code, stdout]).toEqual([0, `${packageJson.version}\n`])
})

test("off a terminal nothing is coloured, whatever wishes for colour", async () => {
  const { stdout } = await vigil(["runs"], { env: { ...server.env, FORCE_COLOR: "1" } })
  expect(stdout).toContain("STARTED")
  expect(stdout).not.toContain(ESC)
})

test("a terminal is coloured, unless NO_COLOR is set", async () => {
  const shown = async (env: Record<string, string>) => {
    const { streams, shown: all } = startTerminal()
    Object.assign(streams.stdout, { isTTY: true })
    await run(["runs"], { ...streams, env: { ...server.env, ...env }, clock: systemClock, newId })
    return all()
  }
  expect(await shown({})).toContain(`${ESC}[2mRUN`)
  const plain = await shown({ NO_COLOR: "1" })
  expect(plain).toContain("STARTED")
  expect(plain).not.toContain(ESC)
})

test("a reader that closes the pipe early ends the command without a complaint", async () => {
  const child = startVigil(["runs", "--json"], server.env)
  let stderr = ""
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text
  })
  child.stdout.destroy()
  await once(child, "close")
  expect([child.exitCode, stderr]).toEqual([0, ""])
})

test("the token is sent as a bearer and never printed", async () => {
  const { stdout, stderr } = await vigil(["status", "--json"], server)
  expect(server.asked.at(-1)?.headers.authorization).toBe(`Bearer ${TOKEN}`)
  expect(stdout + stderr).not.toContain(TOKEN)
})
