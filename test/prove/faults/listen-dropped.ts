/**
 * Listeners dropped: the connections on which Postgres tells of work are ended again and again, while one process takes
 * messages and another does the work. What is heard late is found by looking.
 */
import { setTimeout as sleep } from "node:timers/promises"
import postgres from "postgres"
import type { ProductProcess } from "../../support/process.ts"
import type { Storage } from "../../support/storage.ts"
import { type Evidence, type Proof, type Setting, Untried } from "../proof.ts"
import { SECRET } from "./providers.ts"
import { type Scenario, withStorage } from "./scenario.ts"

const TURNS = { short: 12, full: 100 }
const DROP_EVERY_MS = 400
/** A sweep a second finds the work, and a look a second its answer; the rest is for a busy machine. */
const MOST_MS = 8000

export const listenDropped: Proof = {
  name: "listeners dropped",
  databases: ["postgres"],
  expects: "green",
  run: (setting) => withStorage(setting, (scenario, storage) => dropAll(scenario, storage, setting)),
}

async function dropAll(scenario: Scenario, storage: Storage, { form }: Setting): Promise<Evidence> {
  const start = (role: "web" | "worker") =>
    scenario.launch({ command: role, env: { ...scenario.envFor(role), ...storage.env(role) } })
  const web = await start("web")
  await start("worker")
  await Promise.all(scenario.processes.map((product) => product.start()))
  const before = await talk(web, TURNS[form])
  const dropping = drop(storage.url)
  const during = await talk(web, TURNS[form])
  const dropped = await dropping.stop()
  await scenario.drained()
  await Promise.all(scenario.processes.map((product) => product.kill()))
  if (dropped === 0) throw new Untried("no connection was dropped, so that nothing was tried")
  const late = during.filter((ms) => ms > MOST_MS).length
  return {
    figures: {
      "connections dropped": dropped,
      turns: during.length,
      "p50 ms, heard": middle(before),
      "p50 ms, dropped": middle(during),
      "most ms, dropped": Math.round(Math.max(...during)),
    },
    violations: [...(await scenario.verdict(await storage.open()))],
    late: late > 0 ? [`${late} answers took longer than ${MOST_MS} ms`] : [],
  }
}

/** Milliseconds from each message to its answer, one after the other. */
async function talk({ url }: ProductProcess, turns: number): Promise<number[]> {
  const took: number[] = []
  for (let turn = 0; turn < turns; turn++) {
    const from = performance.now()
    const response = await fetch(`${url}/api/v1/messages`, {
      method: "POST",
      headers: { authorization: `Bearer ${SECRET}`, "content-type": "application/json", prefer: "wait=30" },
      body: JSON.stringify({ text: `ping ${turn}` }),
      signal: AbortSignal.timeout(40_000),
    })
    await response.text()
    took.push(response.status === 200 ? performance.now() - from : Number.POSITIVE_INFINITY)
    await sleep(20)
  }
  return took
}

/** Ends whoever listens on this database, again and again. */
function drop(url: string) {
  const client = postgres(url, { max: 1, onnotice: () => {} })
  let isOver = false
  let dropped = 0
  const ending = (async () => {
    while (!isOver) {
      const rows = await client`
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and query ilike 'listen %'`
      dropped += rows.length
      await sleep(DROP_EVERY_MS)
    }
  })()
  return {
    async stop() {
      isOver = true
      await ending
      await client.end()
      return dropped
    },
  }
}

function middle(numbers: readonly number[]): number {
  return Math.round(numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN)
}
