/** The preflight in a folder of its own: a tiny project whose one dependency lies beside it, so npm needs no network. */
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"

const TARGET = `
process.on("SIGTERM", () => process.exit(7))
if (process.argv[2] === "wait") setInterval(() => {}, 60_000)
if (process.argv[2] === "fail") process.exitCode = 3
console.log(process.argv.slice(2).join(" "))
`
let root = ""

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "vigil-preflight-"))
  mkdirSync(join(root, "src"))
  mkdirSync(join(root, "friend"))
  cpSync(join(import.meta.dirname, "../src/preflight.js"), join(root, "src/preflight.js"))
  const project = { name: "project", version: "1.0.0", type: "module", dependencies: { friend: "file:friend" } }
  const packages = {
    "": project,
    friend: { version: "2.0.0" },
    "node_modules/friend": { resolved: "friend", link: true },
  }
  const files = {
    "package.json": project,
    "package-lock.json": { name: "project", version: "1.0.0", lockfileVersion: 3, requires: true, packages },
    "friend/package.json": { name: "friend", version: "2.0.0" },
  }
  for (const [path, content] of Object.entries(files)) writeFileSync(join(root, path), JSON.stringify(content))
  writeFileSync(join(root, "src/main.ts"), TARGET)
})

afterEach(() => rmSync(root, { recursive: true, force: true }))

function run(env: Record<string, string>, ...args: string[]) {
  const options = { cwd: root, encoding: "utf8", env: { ...process.env, ...env } } as const
  return spawnSync(process.execPath, ["src/preflight.js", "src/main.ts", ...args], options)
}

test("installs what is missing, once, and keeps standard output for the program", () => {
  const first = run({}, "hello", "world")
  expect(first).toMatchObject({ status: 0, stdout: "hello world\n" })
  expect(first.stderr).toContain("Installing dependencies")
  expect(existsSync(join(root, "node_modules/friend"))).toBe(true)
  expect(run({}, "again")).toMatchObject({ status: 0, stdout: "again\n", stderr: "" })
})

test("installs again when the lockfile asks for another version", () => {
  run({})
  const hidden = {
    packages: { friend: { version: "1.9.0" }, "node_modules/friend": { resolved: "friend", link: true } },
  }
  writeFileSync(join(root, "node_modules/.package-lock.json"), JSON.stringify(hidden))
  expect(run({}, "x").stderr).toContain("Installing dependencies")
})

test("hands on the exit code, whether it installed first or not", () => {
  expect([run({}, "fail").status, run({}, "fail").status]).toEqual([3, 3])
})

test("hands on SIGTERM to the process it started", async () => {
  const child = spawn(process.execPath, ["src/preflight.js", "src/main.ts", "wait"], {
    cwd: root,
    stdio: ["ignore", "pipe", "ignore"],
  })
  await once(child.stdout, "data")
  child.kill("SIGTERM")
  expect(await once(child, "exit")).toEqual([7, null])
})

test("says what to do when npm cannot install", () => {
  const failed = run({ PATH: "" })
  expect(failed).toMatchObject({ status: 1, stdout: "" })
  expect(failed.stderr).toMatch(/^npm ci failed \(.*ENOENT\)\. See above, then try again with: npm ci$/m)
})
