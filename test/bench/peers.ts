/**
 * Peers: the same two turns ("ping", and three tool calls one after the other) through other agent runtimes and through Vigil:
 * one model stand-in, one Postgres, taking turns in the same run. What each stores differs; `test/bench/README.md` says how.
 */
import { execFileSync, fork } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { z } from "zod"
import { testDatabase } from "../support/database.ts"
import { type Sample, sampleOf } from "./figures.ts"

const DIR = join(import.meta.dirname, "peers")
const ROUNDS = 3
const NAMES = {
  vigil: "Vigil, over its HTTP API",
  dbos: "DBOS workflow",
  langgraph: "LangGraph.js with its Postgres checkpointer",
  mastra: "Mastra agent with Postgres memory",
}
type PeerId = keyof typeof NAMES

const report = z.object({
  figures: z.object({ ping: z.array(z.number()), tools: z.array(z.number()) }),
  rss: z.number(),
})

export interface PeerFigures {
  peer: string
  ping: Sample
  tools: Sample
  residentMb: number
}

/** Null when the peers cannot be installed. The first is Vigil. */
export async function benchPeers(turns: number): Promise<PeerFigures[] | null> {
  if (!install()) return null
  const model = fork(join(DIR, "stand-in.js"))
  const [said] = await once(model, "message")
  const { url } = z.object({ url: z.string() }).parse(said)
  const peers = Object.keys(NAMES) as PeerId[]
  const databases = new Map<PeerId, Awaited<ReturnType<typeof testDatabase>>>()
  for (const peer of peers) databases.set(peer, await testDatabase("postgres"))
  const seen = new Map<PeerId, z.output<typeof report>[]>(peers.map((peer) => [peer, []]))
  try {
    for (let round = 0; round < ROUNDS; round++)
      for (const [peer, database] of databases)
        seen.get(peer)?.push(await oneRound(peer, { url, databaseUrl: database.url, turns: Math.ceil(turns / ROUNDS) }))
  } finally {
    model.kill()
    for (const database of databases.values()) await database.drop()
  }
  return [...seen].map(([peer, rounds]) => ({
    peer: NAMES[peer],
    ping: sampleOf(rounds.flatMap(({ figures }) => figures.ping)),
    tools: sampleOf(rounds.flatMap(({ figures }) => figures.tools)),
    residentMb: Math.max(...rounds.map(({ rss }) => rss)) / 1e6,
  }))
}

function install(): boolean {
  if (existsSync(join(DIR, "node_modules"))) return true
  try {
    const options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    execFileSync("npm", ["ci", "--prefix", DIR, ...options], { stdio: "ignore" })
    return true
  } catch {
    return false
  }
}

async function oneRound(peer: PeerId, given: { url: string; databaseUrl: string; turns: number }) {
  const env = {
    PATH: process.env.PATH,
    MODEL_URL: given.url,
    DATABASE_URL: given.databaseUrl,
    TURNS: String(given.turns),
  }
  const child = fork(join(DIR, `${peer}.js`), { env, stdio: ["ignore", "ignore", "pipe", "ipc"] })
  let trouble = ""
  child.stderr?.on("data", (chunk: Buffer) => {
    trouble = `${trouble}${chunk}`.slice(-2000)
  })
  const gone = once(child, "exit").then(() => {
    throw new Error(`${peer} ended without figures: ${trouble}`)
  })
  const [said] = await Promise.race([once(child, "message"), gone])
  gone.catch(() => {})
  child.kill()
  return report.parse(said)
}
