/** The preflight in a folder of its own: a tiny project whose one dependency lies beside it, so npm needs no network. */
import { spawn, spawnSync } from "node:child_process"
import { hash } from "node:crypto"
import { once } from "node:events"
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import { z } from "zod"

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
  for (const file of ["preflight.js", "patched.js", "node.sh"])
    cpSync(join(import.meta.dirname, "../src", file), join(root, "src", file))
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

test("installs again when a patch is new or changed, and not when it is as it was applied", () => {
  run({})
  mkdirSync(join(root, "src/db/patches"), { recursive: true })
  const write = (patch: string) => writeFileSync(join(root, "src/db/patches/friend+2.0.0+001+words.patch"), patch)
  /** As patch-package does it, which is none of this project's packages. */
  const record = (patch: string) => {
    const patches = [
      { didApply: true, patchContentHash: hash("sha256", patch), patchFilename: "friend+2.0.0+001+words.patch" },
    ]
    writeFileSync(join(root, "friend/.patch-package.json"), JSON.stringify({ version: 1, isRebasing: false, patches }))
  }
  write("one")
  expect(run({}, "x").stderr).toContain("Installing dependencies")
  record("one")
  expect(run({}, "x").stderr).toBe("")
  write("other")
  expect(run({}, "x").stderr).toContain("Installing dependencies")
})

test.each([
  [
    "node: error while loading shared libraries: libatomic.so.1: cannot open shared object file",
    "libatomic.so.1",
    "apt-get install libatomic1",
  ],
  [
    "Error loading shared library libfar.so.7: No such file or directory",
    "libfar.so.7",
    "install the package that has it",
  ],
])("names the library that Node 26 lacks, at every start: %s", (said, library, how) => {
  run({})
  const bin = join(root, "node_modules/node/bin")
  mkdirSync(bin, { recursive: true })
  writeFileSync(join(bin, "node"), `#!/bin/sh\necho '${said}' >&2\nexit 127\n`, { mode: 0o755 })
  // npm's own Node is an old one; what this Node says of itself stands for it.
  const old =
    "data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'20.20.2'}})"
  const env = { ...process.env, PATH: `${bin}:${process.env.PATH}`, npm_node_execpath: process.execPath }
  const start = () =>
    spawnSync("sh", ["src/node.sh", "--import", old, "src/preflight.js", "src/main.ts"], {
      cwd: root,
      encoding: "utf8",
      env,
    })
  const line = `Vigil needs ${library}, which is not installed here: ${how}, then start again.\n`
  for (const started of [start(), start()]) expect(started).toMatchObject({ status: 1, stdout: "", stderr: line })
})

test("every npm script of the product begins with what starts when Node 26 does not", () => {
  const file = readFileSync(join(import.meta.dirname, "../package.json"), "utf8")
  const { scripts } = z.object({ scripts: z.record(z.string(), z.string()) }).parse(JSON.parse(file))
  const ours = Object.entries(scripts).filter(([, command]) => command.includes("src/"))
  expect(ours.length).toBeGreaterThan(6)
  expect(ours.filter(([name, command]) => name !== "check" && !command.startsWith("sh src/node.sh "))).toEqual([])
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
