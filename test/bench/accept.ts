/**
 * Accept: a verified webhook to its 200, from a process of its own over real HTTP, beside a bare Fastify with one insert in the
 * same run: at a fixed rate, and as many as go with so many at a time.
 */
import { startApp } from "../../src/app/app.ts"
import { silentLog } from "../../src/base/log.ts"
import type { Opened } from "../../src/db/migrate.ts"
import { testDir } from "../support/dir.ts"
import type { Sample } from "./figures.ts"
import { generate, settings, startBare, startTelegram } from "./load.ts"

interface Taken {
  /** Milliseconds, at the rate. */
  took: Sample
  /** Accepted a second, as fast as they are answered. */
  most: number
}

export interface AcceptFigures {
  accept: Taken
  bare: Taken
}

/** Not counted: connections are opened, code is compiled. */
const WARM_SECONDS = 1
const LANES = 16
const MOST_SECONDS = 5

export async function benchAccept(db: Opened, rate: number, seconds: number): Promise<AcceptFigures> {
  const { dir, remove } = testDir()
  const telegram = await startTelegram()
  const env = { ...settings(telegram.url), PORT: "0", DATA_DIR: dir }
  // Who opened it closes it.
  const app = await startApp({ env, role: "web", db: { ...db, close: async () => {} }, log: silentLog })
  const accept = await take(`${app.url}/webhooks/telegram`, rate, seconds)
  await app.stop(0)
  await telegram.stop()
  remove()
  const server = await startBare(db)
  const bare = await take(server.url, rate, seconds)
  await server.stop()
  return { accept, bare }
}

async function take(url: string, rate: number, seconds: number): Promise<Taken> {
  let first = 1
  const shoot = async (pace: { rate: number } | { lanes: number }, lasting: number) => {
    const shot = await generate({ url, pace, seconds: lasting, first })
    first += shot.sent
    if (Object.keys(shot.wrong).length > 0) throw new Error(`answered with ${JSON.stringify(shot.wrong)}`)
    return shot
  }
  await shoot({ rate }, WARM_SECONDS)
  const { took } = await shoot({ rate }, seconds)
  const { acknowledged } = await shoot({ lanes: LANES }, MOST_SECONDS)
  return { took, most: acknowledged.length / MOST_SECONDS }
}
