/**
 * Proxy: the wires between the product and all it talks to are bad: what is carried comes late, is cut in the middle, is
 * reset, or stops without a word. First the database's, then those of the model, Telegram and Twilio, then all.
 */
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { testDatabase } from "../../support/database.ts"
import { testDir } from "../../support/dir.ts"
import type { Proof } from "../proof.ts"
import { misanswered, openScene } from "./scene.ts"
import { openWire, type Trouble, type Wire } from "./wire.ts"

const BAD: Partial<Trouble> = { late: 0.05, cut: 0.004, reset: 0.004 }
const PHASE_MS = { short: 1500, full: 10_000 }
const EVERY_MS = 250

export const proxy: Proof = {
  name: "bad wires",
  databases: ["postgres"],
  expects: "green",
  async run(setting) {
    const scene = await openScene(setting)
    try {
      const database = await testDatabase("postgres")
      scene.later(() => database.drop())
      const { dir, remove } = testDir()
      scene.later(remove)
      const at = new URL(database.url)
      const wires = await Promise.all(
        [Number(at.port), scene.providers.port, scene.twilio.port].map((port) =>
          openWire({ host: "127.0.0.1", port }, scene.random),
        ),
      )
      const [db, providers, twilio] = wires
      if (!db || !providers || !twilio) throw new Error("there are three wires")
      scene.later(() => Promise.all(wires.map((wire) => wire.stop())))
      at.port = String(db.port)
      const ports = { providers: providers.port, twilio: twilio.port }
      const env = (who: string) => ({
        ...scene.envFor(who, ports),
        DATA_DIR: join(dir, who),
        DATABASE_URL: at.href,
      })
      for (const who of ["one", "two"]) await scene.launch({ env: env(who) })
      await Promise.all(scene.boats.map((boat) => boat.start()))

      const end = scene.traffic(EVERY_MS)
      for (const bad of [[db], [providers, twilio], wires]) {
        for (const wire of bad) wire.trouble(BAD)
        await sleep(PHASE_MS[setting.form])
        for (const wire of wires) wire.trouble()
        await Promise.all(scene.boats.map((boat) => boat.ready()))
        setting.say(
          `bad wires: ${scene.taken.length} messages so far, ${JSON.stringify(wires.map((wire) => wire.counts))}`,
        )
      }
      end()
      const drainMs = await scene.drained()
      await Promise.all(scene.boats.map((boat) => boat.kill()))
      return {
        figures: {
          messages: scene.taken.length,
          ...sum(wires),
          refused: scene.refused.length,
          "drained after ms": Math.round(drainMs),
        },
        violations: [...(await scene.verdict(database.db)), ...misanswered(scene)],
      }
    } finally {
      await scene.close()
    }
  },
}

function sum(wires: readonly Wire[]): Record<string, number> {
  const of = (kind: keyof Wire["counts"]) => wires.reduce((total, wire) => total + wire.counts[kind], 0)
  return { connections: of("connections"), late: of("late"), cut: of("cut"), reset: of("reset") }
}
