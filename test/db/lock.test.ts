import { spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"
import { lockDataDir } from "../../src/db/lock.ts"
import { testDir } from "../support/dir.ts"

const LOCK = fileURLToPath(new URL("../../src/db/lock.ts", import.meta.url))

/** Another process that holds the lock of `dir` until it is killed. */
async function holder(dir: string) {
  const code = `import { lockDataDir } from ${JSON.stringify(LOCK)}
    lockDataDir(${JSON.stringify(dir)}, new Date()); console.log("held"); setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ["--input-type=module", "-e", code], { stdio: ["ignore", "pipe", "inherit"] })
  await once(child.stdout, "data")
  return child
}

test("a directory in use is refused, and its holder named", async () => {
  const { dir, remove } = testDir()
  const child = await holder(dir)
  expect(() => lockDataDir(dir, new Date())).toThrow(new RegExp(`process ${child.pid}, running since \\d{4}-`))
  child.kill("SIGKILL")
  await once(child, "exit")
  remove()
})

test("a killed holder leaves no lock behind", async () => {
  const { dir, remove } = testDir()
  const child = await holder(dir)
  child.kill("SIGKILL")
  await once(child, "exit")
  const release = lockDataDir(dir, new Date())
  expect(() => lockDataDir(dir, new Date())).toThrow(`process ${process.pid}`)
  release()
  lockDataDir(dir, new Date())()
  remove()
})
