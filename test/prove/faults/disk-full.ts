/**
 * Disk full: the disk of the embedded database has no space left while messages come in. They are refused, or the process ends
 * and says why; what it had acknowledged is there when it has space again, and it goes on.
 */
import { setTimeout as sleep } from "node:timers/promises"
import type { Evidence, Proof, Setting } from "../proof.ts"
import type { Boat } from "./boat.ts"
import { openHarbour } from "./harbour.ts"
import { openScene, type Scene } from "./scene.ts"

const ROUNDS = { short: 1, full: 4 }
const EVERY_MS = 100
const FULL_MS = 6000
/** A process that neither answers nor ends for so long hangs. */
const HANGS_MS = 15_000

export const diskFull: Proof = {
  name: "disk full",
  databases: ["pglite"],
  expects: "green",
  async run(setting) {
    const scene = await openScene(setting)
    try {
      return await fillAgainAndAgain(scene, setting)
    } finally {
      await scene.close()
    }
  },
}

interface Full {
  /** How it went: its exit code, or null when it went on by itself. */
  code: number | string | null
  said: string
}

async function fillAgainAndAgain(scene: Scene, setting: Setting): Promise<Evidence> {
  const harbour = await openHarbour(scene, setting.database)
  const boat = await scene.launch({ env: harbour.envFor("one"), with: ["full-disk.ts"] })
  await boat.start()
  const end = scene.traffic(EVERY_MS)
  const seen: Full[] = []
  for (let round = 0; round < ROUNDS[setting.form]; round++) {
    await sleep(500 + scene.random() * 500)
    seen.push(await fill(boat))
    setting.say(
      `disk full: ${scene.taken.length} messages, ${scene.refused.length} not taken, ${JSON.stringify(seen.at(-1))}`,
    )
    if (boat.isUp()) await boat.ask({ full: false })
    else await boat.start()
    await boat.ready()
  }
  end()
  const drainMs = await scene.drained()
  await boat.kill()
  const refusals = scene.refused.filter(({ status }) => status !== 0)
  return {
    figures: {
      "times full": seen.length,
      messages: scene.taken.length,
      "refused with 503": refusals.filter(({ status }) => status === 503).length,
      "ended by itself": seen.filter(({ code }) => code !== null).length,
      "drained after ms": Math.round(drainMs),
    },
    violations: [
      ...(await scene.verdict(await harbour.open())),
      ...refusals.filter(({ status }) => status !== 503).map(({ status }) => `a message was answered with ${status}`),
      ...seen
        .filter(({ code, said }) => code !== null && !/space|ENOSPC/.test(said))
        .map(({ said }) => `it ended without saying why: ${said}`),
      ...seen.filter(({ code }) => code === "hangs").map(() => "it neither answered nor ended"),
    ],
  }
}

/** Full until it ended by itself, or for some seconds. */
async function fill(boat: Boat): Promise<Full> {
  await boat.ask({ full: true })
  boat.expectEnd()
  const from = performance.now()
  let answered = from
  while (boat.isUp() && performance.now() - from < FULL_MS) {
    const isAlive = await fetch(`${boat.url}/healthz`, { signal: AbortSignal.timeout(1000) }).then(
      (response) => response.ok,
      () => false,
    )
    if (isAlive) answered = performance.now()
    if (performance.now() - answered > HANGS_MS) break
    await sleep(50)
  }
  if (boat.isUp() && performance.now() - answered < 3000) return { code: null, said: "" }
  if (boat.isUp()) {
    await boat.kill()
    return { code: "hangs", said: boat.said().slice(-600) }
  }
  return { code: await boat.ended(), said: boat.said().slice(-600) }
}
