/**
 * Warm-up: the product is started and stopped once before it is killed hundreds of times. Only who leaves gently keeps its
 * compiled code for the next start, and no process of a kill loop ever does.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { image } from "../support/database.ts"
import { testDir } from "../support/dir.ts"
import { freePort } from "../support/free-port.ts"

const MAIN = join(import.meta.dirname, "../../src/main.ts")
const READY_MS = 120_000
const LOOK_MS = 50

/** A product that does not start is the finding of the proofs, not of this. */
export async function warmUp(): Promise<void> {
  await image()
  const { dir, remove } = testDir()
  const port = await freePort()
  const env = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    PORT: String(port),
    DATA_DIR: dir,
    VIGIL_PROBE_LOCAL: "0",
  }
  const child = spawn(process.execPath, [MAIN, "all"], { env, stdio: "ignore" })
  const ended = once(child, "exit")
  const deadline = Date.now() + READY_MS
  const isReady = async () =>
    await fetch(`http://127.0.0.1:${port}/readyz`).then(
      (answer) => answer.ok,
      () => false,
    )
  while (child.exitCode === null && Date.now() < deadline && !(await isReady())) await sleep(LOOK_MS)
  child.kill("SIGTERM")
  await ended
  remove()
}
