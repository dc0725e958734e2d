/**
 * Graceful stop: SIGTERM at random moments under load. Each process leaves with 0 in time, and what it had in hand goes on in
 * the next one as if it had never stopped.
 */
import { setTimeout as sleep } from "node:timers/promises"
import type { Ending } from "../../support/process.ts"
import type { Storage } from "../../support/storage.ts"
import type { Evidence, Proof, Setting } from "../proof.ts"
import { misanswered, type Scenario, withStorage } from "./scenario.ts"

const STOPS = { short: 2, full: 10 }
/** What main.ts gives runs to end, and a little to close. */
const MOST_MS = 55_000
const EVERY_MS = 200

export const gracefulStop: Proof = {
  name: "graceful stop",
  databases: ["postgres", "pglite"],
  expects: "green",
  run: (setting) => withStorage(setting, (scenario, storage) => stopAgainAndAgain(scenario, storage, setting)),
}

async function stopAgainAndAgain(scenario: Scenario, storage: Storage, setting: Setting): Promise<Evidence> {
  const names = setting.database === "postgres" ? ["one", "two"] : ["one"]
  for (const who of names) await scenario.launch({ env: { ...scenario.envFor(who), ...storage.env(who) } })
  await Promise.all(scenario.processes.map((product) => product.start()))
  const end = scenario.traffic(EVERY_MS)
  const took: number[] = []
  const odd: string[] = []
  const late: string[] = []
  for (let stop = 0; stop < STOPS[setting.form]; stop++) {
    await sleep(300 + scenario.random() * 900)
    const { ms, code } = await stopOne(scenario, stop)
    took.push(ms)
    if (code !== 0) odd.push(`stop ${stop + 1} ended with ${code}`)
    if (ms > MOST_MS) late.push(`stop ${stop + 1} took ${Math.round(ms)} ms`)
  }
  end()
  const drainMs = await scenario.drained()
  await Promise.all(scenario.processes.map((product) => product.kill()))
  const db = await storage.open()
  return {
    figures: {
      stops: took.length,
      messages: scenario.taken.length,
      "stopped after, p50 ms": Math.round(took.toSorted((a, b) => a - b)[Math.floor(took.length / 2)] ?? 0),
      "stopped after, most ms": Math.round(Math.max(...took)),
      "drained after ms": Math.round(drainMs),
    },
    violations: [...odd, ...(await scenario.verdict(db)), ...misanswered(scenario)],
    late,
  }
}

/** A quarter of the time the model is slow, so that there is something to wait for. */
async function stopOne(scenario: Scenario, stop: number): Promise<{ ms: number; code: Ending | null }> {
  const product = scenario.processes[stop % scenario.processes.length]
  if (!product) throw new Error("there is nothing to stop")
  scenario.providers.before = stop % 4 === 1 ? () => sleep(700) : () => {}
  const from = performance.now()
  const code = await product.stop()
  const ms = performance.now() - from
  scenario.providers.before = () => {}
  await product.start()
  return { ms, code }
}
