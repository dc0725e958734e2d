import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import { Misconfigured } from "../../src/base/errors.ts"
import { keyEncryptionKey, readMasterKey } from "../../src/vault/key.ts"
import { testDir } from "../support/dir.ts"

let dir: ReturnType<typeof testDir>
beforeEach(() => {
  dir = testDir()
})
afterEach(() => dir.remove())

const KEY = Buffer.alloc(32, 7).toString("base64")

test("MASTER_KEY is used and nothing is written", () => {
  const key = readMasterKey({ masterKey: `${KEY}\n`, dataDir: dir.dir })
  expect(key.export()).toEqual(Buffer.alloc(32, 7))
  expect(readdirSync(dir.dir)).toEqual([])
})

for (const [what, text] of Object.entries({
  "too short": Buffer.alloc(31).toString("base64"),
  "too long": Buffer.alloc(33).toString("base64"),
  "not base64": `${"!".repeat(43)}=`,
  hex: "ab".repeat(32),
  empty: "",
})) {
  test(`a key that is ${what} is refused with the fix`, () => {
    const read = () => readMasterKey({ masterKey: text, dataDir: dir.dir })
    expect(read).toThrow(Misconfigured)
    expect(read).toThrow(expect.objectContaining({ fix: expect.stringContaining("openssl rand -base64 32") }))
  })
}

test("without MASTER_KEY a key is made once, for this user only, also in a directory that is not there yet", () => {
  const dataDir = join(dir.dir, "data")
  const first = readMasterKey({ dataDir })
  expect(statSync(join(dataDir, "master.key")).mode & 0o777).toBe(0o600)
  expect(readMasterKey({ dataDir }).equals(first)).toBe(true)
  expect(readdirSync(dataDir)).toEqual(["master.key"])
  expect(Buffer.from(readFileSync(join(dataDir, "master.key"), "utf8"), "base64")).toHaveLength(32)
})

test("a damaged key file is refused, never replaced", () => {
  const path = join(dir.dir, "master.key")
  writeFileSync(path, "half a k")
  expect(() => readMasterKey({ dataDir: dir.dir })).toThrow(Misconfigured)
  expect(readFileSync(path, "utf8")).toBe("half a k")
})

test("each generation of the key-encryption key is another one, and always the same", () => {
  const master = readMasterKey({ masterKey: KEY, dataDir: dir.dir })
  expect(keyEncryptionKey(master, 1).equals(keyEncryptionKey(master, 1))).toBe(true)
  expect(keyEncryptionKey(master, 1).equals(keyEncryptionKey(master, 2))).toBe(false)
  expect(keyEncryptionKey(master, 1).equals(master)).toBe(false)
})
