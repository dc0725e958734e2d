/**
 * Disk full: the disk of the embedded database has no space left while messages come in. They are refused, or the process ends
 * and says why; what it had acknowledged is there when it has space again, and it goes on.
 */
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import type { ProductProcess } from "../../support/process.ts"
import type { Storage } from "../../support/storage.ts"
import type { Evidence, Proof, Setting } from "../proof.ts"
import { type Scenario, withStorage } from "./scenario.ts"

const ROUNDS = { short: 1, full: 4 }
const EVERY_MS = 100
const FULL_MS = 6000
/** A process that neither answers nor ends for so long hangs. */
const HANGS_MS = 15_000

export const diskFull: Proof = {
  name: "disk full",
  databases: ["pglite"],
  expects: "green",
  run: (setting) => withStorage(setting, (scenario, storage) => fillAgainAndAgain(scenario, storage, setting)),
}

interface Full {
  /** How it went: its exit code, or null when it went on by itself. */
  code: number | string | null
  said: string
}

async function fillAgainAndAgain(scenario: Scenario, storage: Storage, setting: Setting): Promise<Evidence> {
  const product = await scenario.launch({
    env: { ...scenario.envFor("one"), ...storage.env("one") },
    imports: [join(import.meta.dirname, "disk-injector.ts")],
  })
  await product.start()
  const end = scenario.traffic(EVERY_MS)
  const seen: Full[] = []
  for (let round = 0; round < ROUNDS[setting.form]; round++) {
    await sleep(500 + scenario.random() * 500)
    seen.push(await fill(product))
    setting.say(
      `disk full: ${scenario.taken.length} messages, ${scenario.refused.length} not taken, ${JSON.stringify(seen.at(-1))}`,
    )
    if (product.isUp()) await product.ask({ full: false })
    else await product.start()
    await product.ready()
  }
  end()
  const drainMs = await scenario.drained()
  await product.kill()
  const refusals = scenario.refused.filter(({ status }) => status !== 0)
  return {
    figures: {
      "times full": seen.length,
      messages: scenario.taken.length,
      "refused with 503": refusals.filter(({ status }) => status === 503).length,
      "ended by itself": seen.filter(({ code }) => code !== null).length,
      "drained after ms": Math.round(drainMs),
    },
    violations: [
      ...(await scenario.verdict(await storage.open())),
      ...refusals.filter(({ status }) => status !== 503).map(({ status }) => `a message was answered with ${status}`),
      ...seen
        .filter(({ code, said }) => code !== null && !/space|ENOSPC/.test(said))
        .map(({ said }) => `it ended without saying why: ${said}`),
      ...seen.filter(({ code }) => code === "hangs").map(() => "it neither answered nor ended"),
    ],
  }
}

/** Full until it ended by itself, or for some seconds. */
async function fill(product: ProductProcess): Promise<Full> {
  await product.ask({ full: true })
  product.expectEnd()
  const from = performance.now()
  let answered = from
  while (product.isUp() && performance.now() - from < FULL_MS) {
    const isAlive = await fetch(`${product.url}/healthz`, { signal: AbortSignal.timeout(1000) }).then(
      (response) => response.ok,
      () => false,
    )
    if (isAlive) answered = performance.now()
    if (performance.now() - answered > HANGS_MS) break
    await sleep(50)
  }
  if (product.isUp() && performance.now() - answered < 3000) return { code: null, said: "" }
  if (product.isUp()) {
    await product.kill()
    return { code: "hangs", said: product.said().slice(-600) }
  }
  return { code: await product.ended(), said: product.said().slice(-600) }
}
