/** Secrets in the terminal: the value comes on standard input, and goes nowhere but to the server. */
import { afterAll, beforeAll, expect, test } from "vitest"
import { systemClock } from "../../../src/base/clock.ts"
import { newId } from "../../../src/base/ids.ts"
import { run } from "../../../src/cli/program.ts"
import type { StandIn } from "../../support/stand-in.ts"
import { SECRET } from "../answers.ts"
import { refused, startServer, vigil } from "../command.ts"
import { startTerminal } from "../terminal.ts"

const VALUE = "canary-2f1b9d"
let server: StandIn & { env: Record<string, string> }

beforeAll(async () => {
  server = await startServer({
    "GET /api/v1/secrets": () => ({
      status: 200,
      body: { secrets: [SECRET] },
    }),
    "PUT /api/v1/secrets/GITHUB_TOKEN": () => ({ status: 204 }),
    "DELETE /api/v1/secrets/GITHUB_TOKEN": () => ({ status: 204 }),
    "DELETE /api/v1/secrets/GONE": () => refused(404, "not_found", "there is no secret GONE"),
  })
})

afterAll(() => server.stop())

test("a value on standard input is stored with its bindings, without its last line end", async () => {
  const args = ["secrets", "set", "GITHUB_TOKEN", "--host", "api.github.com", "--tool", "a", "--tool", "b"]
  const { code, stdout, stderr } = await vigil(args, { ...server, input: `${VALUE}\n` })
  expect([code, stdout]).toEqual([0, ""])
  expect(JSON.parse(server.asked.at(-1)?.body ?? "")).toEqual({
    value: VALUE,
    hosts: ["api.github.com"],
    tools: ["a", "b"],
  })
  expect(stderr).not.toContain(VALUE)
})

test("--json says what was stored, without the value", async () => {
  const { stdout } = await vigil(["secrets", "set", "GITHUB_TOKEN", "--json"], { ...server, input: VALUE })
  expect(JSON.parse(stdout)).toEqual({ ok: true, name: "GITHUB_TOKEN" })
})

test("typed in a terminal the value is not shown", async () => {
  const terminal = startTerminal()
  const done = run(["secrets", "set", "GITHUB_TOKEN"], {
    ...terminal.streams,
    env: server.env,
    clock: systemClock,
    newId,
  })
  await terminal.shows("not shown")
  terminal.type(`${VALUE}\r`)
  expect(await done).toBe(0)
  expect(JSON.parse(server.asked.at(-1)?.body ?? "")).toEqual({ value: VALUE })
  expect(terminal.shown()).not.toContain(VALUE)
})

test.each([
  ["as a second argument", ["secrets", "set", "GITHUB_TOKEN", VALUE]],
  ["as part of the name", ["secrets", "set", `GITHUB_TOKEN=${VALUE}`]],
  ["as an option", ["secrets", "set", "GITHUB_TOKEN", `--value=${VALUE}`]],
])("a value given %s is refused, and not repeated", async (_name, args) => {
  const before = server.asked.length
  const { code, stdout, stderr } = await vigil(args, { ...server, input: "other" })
  expect(code).toBe(2)
  expect(stdout + stderr).not.toContain(VALUE)
  expect(server.asked.length).toBe(before)
})

test("no value is wrong usage", async () => {
  const { code, stderr } = await vigil(["secrets", "set", "GITHUB_TOKEN"], server)
  expect(code).toBe(2)
  expect(stderr).toContain("no value for GITHUB_TOKEN")
})

test("the list shows names and bindings", async () => {
  const { stdout } = await vigil(["secrets"], server)
  expect(stdout).toMatch(/GITHUB_TOKEN +api\.github\.com +settings +2026-11-22 .* +never/)
})

test("removing says so, and what is not there is a failure", async () => {
  const removed = await vigil(["secrets", "remove", "GITHUB_TOKEN", "--json"], server)
  expect(JSON.parse(removed.stdout)).toEqual({ ok: true, name: "GITHUB_TOKEN", removed: true })
  const missing = await vigil(["secrets", "remove", "GONE"], server)
  expect([missing.code, missing.stderr]).toEqual([1, "vigil: there is no secret GONE\n"])
})
