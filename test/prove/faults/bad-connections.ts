/**
 * Bad connections: the connections between the product and all it talks to are bad: what is carried comes late, is cut in the middle, is
 * reset, or stops without a word. First the database's, then those of the model, Telegram and Twilio, then all.
 */
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { testDatabase } from "../../support/database.ts"
import { testDir } from "../../support/dir.ts"
import type { Evidence, Proof, Setting } from "../proof.ts"
import { misanswered, type Scenario, withScenario } from "./scenario.ts"
import { openTcpProxy, type TcpProxy, type Trouble } from "./tcp-proxy.ts"

const BAD: Partial<Trouble> = { late: 0.05, cut: 0.004, reset: 0.004 }
const PHASE_MS = { short: 1500, full: 10_000 }
const EVERY_MS = 250

export const badConnections: Proof = {
  name: "bad connections",
  databases: ["postgres"],
  expects: "green",
  run: (setting) => withScenario(setting, (scenario) => disturbAll(scenario, setting)),
}

async function disturbAll(scenario: Scenario, setting: Setting): Promise<Evidence> {
  const database = await testDatabase("postgres")
  scenario.later(() => database.drop())
  const { dir, remove } = testDir()
  scenario.later(remove)
  const at = new URL(database.url)
  const proxies = await Promise.all(
    [Number(at.port), scenario.providers.port, scenario.twilio.port].map((port) =>
      openTcpProxy({ host: "127.0.0.1", port }, scenario.random),
    ),
  )
  const [db, providers, twilio] = proxies
  if (!db || !providers || !twilio) throw new Error("there are three proxies")
  scenario.later(() => Promise.all(proxies.map((proxy) => proxy.stop())))
  at.port = String(db.port)
  const ports = { providers: providers.port, twilio: twilio.port }
  const env = (who: string) => ({
    ...scenario.envFor(who, ports),
    DATA_DIR: join(dir, who),
    DATABASE_URL: at.href,
  })
  for (const who of ["one", "two"]) await scenario.launch({ env: env(who) })
  await Promise.all(scenario.processes.map((product) => product.start()))

  const end = scenario.traffic(EVERY_MS)
  for (const bad of [[db], [providers, twilio], proxies]) {
    for (const proxy of bad) proxy.trouble(BAD)
    await sleep(PHASE_MS[setting.form])
    for (const proxy of proxies) proxy.trouble()
    await Promise.all(scenario.processes.map((product) => product.ready()))
    setting.say(
      `bad connections: ${scenario.taken.length} messages so far, ${JSON.stringify(proxies.map((proxy) => proxy.counts))}`,
    )
  }
  end()
  const drainMs = await scenario.drained()
  await Promise.all(scenario.processes.map((product) => product.kill()))
  return {
    figures: {
      messages: scenario.taken.length,
      ...sum(proxies),
      refused: scenario.refused.length,
      "drained after ms": Math.round(drainMs),
    },
    violations: [...(await scenario.verdict(database.db)), ...misanswered(scenario)],
  }
}

function sum(proxies: readonly TcpProxy[]): Record<string, number> {
  const of = (kind: keyof TcpProxy["counts"]) => proxies.reduce((total, proxy) => total + proxy.counts[kind], 0)
  return { connections: of("connections"), late: of("late"), cut: of("cut"), reset: of("reset") }
}
