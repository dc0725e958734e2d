/** Prompt: what a one-word message costs in prompt tokens, by section, with the product's real tools. */
import { z } from "zod"
import { startApp } from "../../src/app/app.ts"
import { silentLog } from "../../src/base/log.ts"
import type { Opened } from "../../src/db/migrate.ts"
import { testDir } from "../support/dir.ts"

const contextNote = z.looseObject({ sections: z.array(z.object({ name: z.string(), tokens: z.number() })) })

export async function promptTokens(db: Opened): Promise<{ name: string; tokens: number }[]> {
  const { dir, remove } = testDir()
  const token = "a-token-of-at-least-32-characters"
  const env = { PORT: "0", DATA_DIR: dir, VIGIL_MODEL: "offline", VIGIL_TOKEN: token }
  const app = await startApp({ env, role: "all", db: { ...db, close: async () => {} }, log: silentLog })
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json", prefer: "wait=30" }
  const said = await fetch(`${app.url}/api/v1/messages`, {
    method: "POST",
    headers,
    body: JSON.stringify({ text: "ping" }),
  })
  const { run } = z.looseObject({ run: z.string() }).parse(await said.json())
  const trace = z
    .looseObject({ context: contextNote })
    .parse(await (await fetch(`${app.url}/api/v1/runs/${run}`, { headers })).json())
  await app.stop(1000)
  remove()
  return trace.context.sections
}
