import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, expect, test } from "vitest"
import { makeOnce } from "../../src/base/once-file.ts"
import { recordDisk } from "../durability/disk.ts"
import { testDir } from "../support/dir.ts"

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

function place(): string {
  const { dir, remove } = testDir()
  cleanups.push(remove)
  return dir
}

test("a file gets its name only after its bytes are on the disk, and then the name is written to the disk too", () => {
  const dir = place()
  const disk = recordDisk(dir)
  makeOnce(join(dir, "token"), "the secret\n")
  disk.stop()
  expect(disk.log.map(({ op }) => op)).toEqual(["create", "write", "sync", "link", "syncDirectory", "remove"])
  expect(readdirSync(dir)).toEqual(["token"])
  expect(statSync(join(dir, "token")).mode & 0o777).toBe(0o600)
})

test("a file that exists is kept, and its text is returned", () => {
  const path = join(place(), "token")
  writeFileSync(path, "the first")
  expect(makeOnce(path, "the second")).toBe("the first")
  expect(readFileSync(path, "utf8")).toBe("the first")
})

test("a directory that cannot be written to is an error", () => {
  const file = join(place(), "file")
  writeFileSync(file, "not a directory")
  expect(() => makeOnce(join(file, "token"), "x")).toThrow(/ENOTDIR|EEXIST/)
})
