/**
 * Bench: `npm run bench`. Prints each speed goal beside what this machine does now, and, where time is at stake, beside a baseline
 * of the same run: the machines are shared, so the ratio is the figure.
 */
import { availableParallelism, cpus, loadavg } from "node:os"
import type { Opened } from "../../src/db/migrate.ts"
import { openDb } from "../../src/db/open.ts"
import { testDatabase, testDir } from "../support/database.ts"
import { NoPostgres } from "../support/postgres.ts"
import { benchAccept } from "./accept.ts"
import { ms, printRows, type Row } from "./figures.ts"
import { benchProcess } from "./process.ts"
import { promptTokens } from "./prompt.ts"
import { benchTurn, type TurnFigures } from "./turn.ts"

const TURNS = Number(process.env.BENCH_TURNS ?? 300)
const SECONDS = Number(process.env.BENCH_SECONDS ?? 5)
const say = (line: string) => void process.stdout.write(`${line}\n`)

async function onDisk<T>(use: (db: Opened) => Promise<T>): Promise<T> {
  const { dir, remove } = testDir()
  const db = await openDb({ dataDir: dir, now: new Date() })
  try {
    return await use(db)
  } finally {
    await db.close()
    remove()
  }
}

async function onPostgres<T>(use: (db: Opened, url: string) => Promise<T>): Promise<T | null> {
  try {
    const { db, url, drop } = await testDatabase("postgres")
    const result = await use(db, url)
    await drop()
    return result
  } catch (error) {
    if (!(error instanceof NoPostgres)) throw error
    say(`Postgres rows are left out: ${error.message}`)
    return null
  }
}

function turnRow(kind: string, { turn, floor }: TurnFigures, goalMs: number): Row {
  return {
    what: `warm turn, ${kind}`,
    figure: `p50 ${ms(turn.p50)}, p99 ${ms(turn.p99)}`,
    ratio: `${(turn.p50 / floor.p50).toFixed(2)} x the same transactions as bare SQL (p50 ${ms(floor.p50)})`,
    goal: `p50 <= ${goalMs} ms and <= 1.5 x`,
  }
}

function profile(kind: string, { roundTrips, transactions, databaseMs, turn, profile: rows }: TurnFigures): void {
  say(
    `\nWhere a turn's time goes, ${kind}: ${roundTrips.toFixed(1)} round trips, ${transactions.toFixed(1)} explicit transactions; ${ms(databaseMs)} with a statement under way (p50 of the turn ${ms(turn.p50)})`,
  )
  for (const { statement, count, ms: spent } of rows.slice(0, 12))
    say(`  ${ms(spent).padStart(9)}  ${count.toFixed(1)} x  ${statement}`)
}

say(
  `${new Date().toISOString()}  Node ${process.version}  ${availableParallelism()} cores, ${cpus()[0]?.model.trim()}  load ${loadavg()[0]?.toFixed(1)}\n`,
)
const rows: Row[] = []

const embeddedTurn = await onDisk((db) => benchTurn(db, TURNS))
rows.push(turnRow("PGlite", embeddedTurn, 25))
const postgresTurn = await onPostgres((db) => benchTurn(db, TURNS))
if (postgresTurn) rows.push(turnRow("Postgres", postgresTurn, 15))

for (const [kind, result] of [
  ["Postgres, 200/s", await onPostgres((db) => benchAccept(db, { rate: 200, seconds: SECONDS }))],
  ["PGlite, 50/s", await onDisk((db) => benchAccept(db, { rate: 50, seconds: SECONDS }))],
] as const) {
  if (!result) continue
  rows.push({
    what: `accept, ${kind}`,
    figure: `p50 ${ms(result.accept.p50)}, p99 ${ms(result.accept.p99)}`,
    ratio: `p50 ${(result.accept.p50 / result.baseline.p50).toFixed(2)} x bare Fastify and one insert (p99 ${ms(result.baseline.p99)})`,
    goal: "p99 <= 25 ms at 200/s on Postgres",
  })
}

const embedded = await benchProcess()
rows.push({ what: "ready, first boot, embedded", figure: ms(embedded.firstMs), goal: "<= 5 s" })
rows.push({ what: "ready, reopened, embedded", figure: ms(embedded.againMs), goal: "<= 1.2 s" })
rows.push({ what: "resident memory, embedded", figure: `${embedded.residentMb.toFixed(0)} MB`, goal: "<= 240 MB" })
const server = await onPostgres((_db, url) => benchProcess(url))
if (server) {
  rows.push({ what: "ready, Postgres", figure: ms(server.againMs), goal: "<= 1.2 s" })
  rows.push({ what: "resident memory, Postgres", figure: `${server.residentMb.toFixed(0)} MB`, goal: "<= 160 MB" })
}

const sections = await onDisk(promptTokens)
const total = sections.reduce((sum, { tokens }) => sum + tokens, 0)
rows.push({
  what: 'prompt for "ping"',
  figure: `${total} tokens (${sections.map((s) => `${s.name} ${s.tokens}`).join(", ")})`,
  goal: "<= 2000 tokens",
})

printRows(rows)
profile("PGlite", embeddedTurn)
if (postgresTurn) profile("Postgres", postgresTurn)
process.exit(0)
