/**
 * Graceful stop: SIGTERM at random moments under load. Each process leaves with 0 in time, and what it had in hand goes on in
 * the next one as if it had never stopped.
 */
import { setTimeout as sleep } from "node:timers/promises"
import type { Proof } from "../proof.ts"
import { openHarbour } from "./harbour.ts"
import { misanswered, openScene, type Scene } from "./scene.ts"

const STOPS = { short: 2, full: 10 }
/** What main.ts gives runs to end, and a little to close. */
const MOST_MS = 55_000
const EVERY_MS = 200

export const gracefulStop: Proof = {
  name: "graceful stop",
  databases: ["postgres", "pglite"],
  expects: "green",
  async run(setting) {
    const scene = await openScene(setting)
    try {
      const harbour = await openHarbour(scene, setting.database)
      const names = setting.database === "postgres" ? ["one", "two"] : ["one"]
      for (const who of names) await scene.launch({ env: harbour.envFor(who) })
      await Promise.all(scene.boats.map((boat) => boat.start()))
      const end = scene.traffic(EVERY_MS)
      const took: number[] = []
      const odd: string[] = []
      const late: string[] = []
      for (let stop = 0; stop < STOPS[setting.form]; stop++) {
        await sleep(300 + scene.random() * 900)
        const { ms, code } = await stopOne(scene, stop)
        took.push(ms)
        if (code !== 0) odd.push(`stop ${stop + 1} ended with ${code}`)
        if (ms > MOST_MS) late.push(`stop ${stop + 1} took ${Math.round(ms)} ms`)
      }
      end()
      const drainMs = await scene.drained()
      await Promise.all(scene.boats.map((boat) => boat.kill()))
      const db = await harbour.open()
      return {
        figures: {
          stops: took.length,
          messages: scene.taken.length,
          "stopped after, p50 ms": Math.round(took.toSorted((a, b) => a - b)[Math.floor(took.length / 2)] ?? 0),
          "stopped after, most ms": Math.round(Math.max(...took)),
          "drained after ms": Math.round(drainMs),
        },
        violations: [...odd, ...(await scene.verdict(db)), ...misanswered(scene)],
        late,
      }
    } finally {
      await scene.close()
    }
  },
}

/** A quarter of the time the model is slow, so that there is something to wait for. */
async function stopOne(scene: Scene, stop: number): Promise<{ ms: number; code: number | string }> {
  const boat = scene.boats[stop % scene.boats.length]
  if (!boat) throw new Error("there is nothing to stop")
  scene.providers.before = stop % 4 === 1 ? () => sleep(700) : () => {}
  const from = performance.now()
  boat.signal("SIGTERM")
  const code = await boat.ended()
  const ms = performance.now() - from
  scene.providers.before = () => {}
  await boat.start()
  return { ms, code }
}
