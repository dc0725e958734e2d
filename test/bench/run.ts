/**
 * Bench: `npm run bench` measures every speed goal and the peers, and writes `bench.json` and its page, `BENCH.md`; with names (`npm run bench -- turn peers`)
 * it
 * measures those and only prints, or with `--keep` writes them in the place of those that are there. The machines are shared, so the ratio to a baseline of the same run is the figure.
 */
import { writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { ms } from "./figures.ts"
import { MEASUREMENTS } from "./goals.ts"
import { benchPeers } from "./peers.ts"
import {
  benchPage,
  circumstances,
  goalsTable,
  merged,
  plain,
  type Row,
  readBench,
  type Table,
  writeJson,
} from "./report.ts"

const PAGE = fileURLToPath(new URL("./BENCH.md", import.meta.url))
const DATA = fileURLToPath(new URL("./bench.json", import.meta.url))
const PEER_TURNS = 300
const say = (line: string) => void process.stdout.write(`${line}\n`)

async function peers(): Promise<Table> {
  const title = "Beside other runtimes"
  const head = ["runtime", "ping p50", "p99", "three tool calls p50", "p99", "ping, times Vigil's", "resident memory"]
  const figures = await benchPeers(PEER_TURNS)
  const own = figures?.[0]
  if (!figures || !own) return { title, head, lines: [], note: "Not measured: the packages cannot be fetched here." }
  const lines = figures.map(({ peer, ping, tools, residentMb }) => [
    peer,
    ms(ping.p50),
    ms(ping.p99),
    ms(tools.p50),
    ms(tools.p99),
    (ping.p50 / own.ping.p50).toFixed(2),
    `${residentMb.toFixed(0)} MB`,
  ])
  const note =
    "The same zero-latency model over HTTP and the same Postgres, in turns, each turn on a new thread. What each keeps differs: see `test/bench/README.md`."
  return { title, head, lines, note }
}

const { load, growth, ...quick } = MEASUREMENTS
/** The long ones last. */
const ALL = { ...quick, peers: async () => ({ rows: [], tables: [await peers()] }), load, growth }
const { values: options, positionals: names } = parseArgs({
  allowPositionals: true,
  strict: false,
  options: { keep: { type: "boolean", default: false } },
})
const unknown = [
  ...names.filter((name) => !(name in ALL)),
  ...Object.keys(options).flatMap((name) => (name === "keep" ? [] : [`--${name}`])),
]
if (unknown.length > 0) {
  process.stderr.write(
    `bench: there is no ${unknown.join(", ")}; there are ${Object.keys(ALL).join(", ")} and --keep\n`,
  )
  process.exit(2)
}
const isWritten = names.length === 0 || options.keep === true
const isWanted = (name: string) => names.length === 0 || names.includes(name)
const where = circumstances()
say(`${where}\n`)
const rows: Row[] = []
const tables: Table[] = []

/** After each measurement: a run that is stopped keeps what it saw. */
function write(): void {
  if (!isWritten) return
  const now = { when: where, rows, tables }
  const before = options.keep ? readBench(DATA) : null
  const measured = before ? merged(before, now) : now
  writeJson(DATA, measured)
  writeFileSync(PAGE, benchPage(measured))
}

for (const [name, measure] of Object.entries(ALL)) {
  if (!isWanted(name)) continue
  const measured = await measure()
  if (measured.rows.length > 0) say(`${plain(goalsTable(measured.rows))}\n`)
  rows.push(...measured.rows)
  tables.push(...(measured.tables ?? []))
  write()
}
for (const table of tables) say(`${plain(table)}\n`)
if (isWritten) say(`written to ${PAGE}`)
process.exit(0)
