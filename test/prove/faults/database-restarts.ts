/**
 * Database restarts: Postgres is killed, or stopped as in a crash, every few seconds and comes back within two, under steady
 * traffic from webhooks. Nothing acknowledged is lost, what is refused is told when to come again, and no process ends.
 */
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { openPostgres } from "../../../src/db/postgres.ts"
import { testDir } from "../../support/dir.ts"
import type { Evidence, Proof, Setting } from "../proof.ts"
import { openOwnPostgres } from "./own-postgres.ts"
import { misanswered, type Scenario, withScenario } from "./scenario.ts"

const RESTARTS = { short: 1, full: 8 }
const READY_MS = 10_000
const EVERY_MS = 300

export const databaseRestarts: Proof = {
  name: "database restarts",
  databases: ["postgres"],
  expects: "green",
  run: (setting) => withScenario(setting, (scenario) => restartAgainAndAgain(scenario, setting)),
}

async function restartAgainAndAgain(scenario: Scenario, setting: Setting): Promise<Evidence> {
  const server = await openOwnPostgres()
  scenario.later(() => server.remove())
  const { dir, remove } = testDir()
  scenario.later(remove)
  for (const who of ["one", "two"])
    await scenario.launch({ env: { ...scenario.envFor(who), DATA_DIR: join(dir, who), DATABASE_URL: server.url } })
  await Promise.all(scenario.processes.map((product) => product.start()))
  const end = scenario.traffic(EVERY_MS)
  const readyMs: number[] = []
  for (let restart = 1; restart <= RESTARTS[setting.form]; restart++) {
    await sleep(setting.form === "short" ? 800 : 4000 + scenario.random() * 4000)
    const away = scenario.random() * (setting.form === "short" ? 800 : 2000)
    if (restart % 2) server.kill()
    else server.stop()
    await sleep(away)
    await server.start()
    const back = await Promise.all(scenario.processes.map((product) => product.ready()))
    readyMs.push(...back)
    setting.say(`database restarts: ${restart}, away for ${Math.round(away)} ms, ready after ${back.map(Math.round)}`)
  }
  end()
  const drainMs = await scenario.drained()
  await Promise.all(scenario.processes.map((product) => product.kill()))
  const db = openPostgres({ url: server.url, max: 2 })
  scenario.later(() => db.close())
  return {
    figures: {
      restarts: readyMs.length / scenario.processes.length,
      messages: scenario.taken.length,
      "refused with 503": scenario.refused.filter(({ status }) => status === 503).length,
      "ready again, p50 ms": Math.round(readyMs.toSorted((a, b) => a - b)[Math.floor(readyMs.length / 2)] ?? 0),
      "ready again, most ms": Math.round(Math.max(...readyMs)),
      "drained after ms": Math.round(drainMs),
    },
    violations: [...(await scenario.verdict(db)), ...misanswered(scenario)],
    late: readyMs.filter((ms) => ms > READY_MS).map((ms) => `not ready until ${Math.round(ms)} ms after the database`),
  }
}
