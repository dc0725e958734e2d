/** The patches of packages: each is explained and shown, and nothing starts on Postgres without them. */
import { spawnSync } from "node:child_process"
import { appendFileSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import { isPatched } from "../../src/patched.js"
import { testDir } from "../support/dir.ts"

const ROOT = join(import.meta.dirname, "../..")
const PATCHES = "src/db/patches"

let place: ReturnType<typeof testDir>
beforeEach(() => {
  place = testDir()
})
afterEach(() => place.remove())

/** A checkout of its own, whose packages are those of this one but for a driver of its own. */
function checkout(): string {
  for (const name of ["src", "drizzle", "package.json"])
    cpSync(join(ROOT, name), join(place.dir, name), { recursive: true })
  mkdirSync(join(place.dir, "node_modules"))
  for (const name of readdirSync(join(ROOT, "node_modules"))) {
    const [from, to] = [join(ROOT, "node_modules", name), join(place.dir, "node_modules", name)]
    if (name === "postgres") cpSync(from, to, { recursive: true })
    else symlinkSync(from, to)
  }
  return place.dir
}

test("each patch has a row that names its upstream and a test that is there", () => {
  const names = readdirSync(join(ROOT, PATCHES)).filter((name) => name.endsWith(".patch"))
  const rows = readFileSync(join(ROOT, PATCHES, "README.md"), "utf8")
    .split("\n")
    .filter((line) => line.startsWith("| `"))
  const cells = rows.map((row) => row.split("|").map((cell) => cell.trim()))
  expect(cells.map(([, name]) => name)).toEqual(names.map((name) => `\`${name.replace(/\.patch$/, "")}\``))
  for (const [, name, , upstream, shown = ""] of cells) {
    expect(upstream, name).toMatch(/github\.com|none yet/)
    const [, file = "", title = ""] = /^`(.*)`: (.*)$/.exec(shown) ?? []
    // Titles of tables have a hole in them.
    const words = title.split(" in the driver's own transaction ")
    for (const part of words) expect(readFileSync(join(ROOT, file), "utf8"), name).toContain(part)
  }
})

test("the driver here carries its patches, as they are now", () => {
  expect(isPatched(ROOT)).toBe(true)
  const root = checkout()
  expect(isPatched(root)).toBe(true)
  const [first = ""] = readdirSync(join(root, PATCHES)).filter((name) => name.endsWith(".patch"))
  appendFileSync(join(root, PATCHES, first), "\n")
  expect(isPatched(root)).toBe(false)
})

test("P1: on a driver that was installed without its patches nothing starts, and the way out is said", () => {
  const root = checkout()
  rmSync(join(root, "node_modules/postgres/.patch-package.json"))
  const env = { ...process.env, DATABASE_URL: "postgres://nobody@127.0.0.1:1/none", DATA_DIR: join(root, "data") }
  const { status, stderr } = spawnSync(process.execPath, ["src/main.ts", "migrate"], {
    cwd: root,
    encoding: "utf8",
    env,
  })
  expect(status).toBe(2)
  expect(stderr).toBe(
    "vigil: the Postgres driver was installed without Vigil's patches\n  fix: run: npm ci (without --ignore-scripts)\n",
  )
})
