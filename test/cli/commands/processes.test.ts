/** `start` and `migrate`, and the other commands against the server they start. */

import { once } from "node:events"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { afterAll, expect, test } from "vitest"
import { testDir } from "../../support/dir.ts"
import { freePort, startVigil, vigil } from "../command.ts"

const data = testDir()
let server: ReturnType<typeof startVigil> | undefined

afterAll(() => {
  // Only still there when the test failed; the server itself goes with it.
  server?.kill("SIGTERM")
  data.remove()
})

const hasMain = existsSync(join(import.meta.dirname, "../../../src/main.ts"))

test("a role that is none is wrong usage, and starts nothing", async () => {
  const { code, stderr } = await vigil(["start", "everything"])
  expect(code).toBe(2)
  expect(stderr).toContain("Allowed choices are all, web, worker")
})

test.skipIf(!hasMain)(
  "the server that start runs answers the other commands, and stops by a signal",
  async () => {
    const env = { PORT: await freePort(), DATA_DIR: data.dir, VIGIL_MODEL: "offline", LOG_LEVEL: "error" }
    const migrated = await vigil(["migrate", "--json"], { env })
    expect(JSON.parse(migrated.stdout)).toMatchObject({ ok: true })
    server = startVigil(["start", "all"], env)
    server.stdout.resume()
    server.stderr.resume()
    await ready(env.PORT, server)
    const status = await vigil(["status", "--json"], { env })
    expect(JSON.parse(status.stdout)).toMatchObject({ model: { offline: true } })
    const chat = await vigil(["chat", "-m", "/help", "--json"], { env })
    const { run, reply } = JSON.parse(chat.stdout)
    expect(reply).toContain("/status")
    expect((await vigil(["trace", run], { env })).stdout).toContain("Steps")
    for (const list of ["runs", "automations", "approvals", "secrets", "spend", "channels"]) {
      expect((await vigil([list], { env })).code, list).toBe(0)
    }
    expect((await vigil(["doctor", "--json"], { env })).stdout).toContain('"findings": []')
    const second = await vigil(["migrate"], { env })
    expect([second.code, second.stderr]).toEqual([2, expect.stringContaining("is in use by process")])
    server.kill("SIGTERM")
    await once(server, "close")
    expect(server.exitCode).toBe(0)
  },
  120_000,
)

async function ready(port: string, child: ReturnType<typeof startVigil>): Promise<void> {
  while (child.exitCode === null) {
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => null)
    if (answer?.ok) return
    await pause(100)
  }
  throw new Error(`the server ended with ${child.exitCode}`)
}
