/**
 * Crash points: the product as a real process kills itself (SIGKILL) at each named moment, with a tool of each replay class
 * under way; it is started again on what it left and must come to the end that the class promises.
 */

import { join } from "node:path"
import { openPglite } from "../../src/db/embedded/pglite.ts"
import { createRandom } from "../durability/random.ts"
import { image, testDatabase } from "../support/database.ts"
import { testDir } from "../support/dir.ts"
import { freePort } from "../support/free-port.ts"
import { allCells, type Cell, nameOf } from "./crash-points/cells.ts"
import { createMortalShip } from "./crash-points/mortal-ship.ts"
import { type Ended, goThrough, type Street } from "./crash-points/street.ts"
import { startTown } from "./crash-points/town.ts"
import type { Evidence, Proof, Setting } from "./proof.ts"

const STREETS = 3
/** Cells of the short form, drawn by the seed. */
const SAMPLE = 8

export const crashPoints: Proof = {
  name: "crash points",
  databases: ["pglite", "postgres"],
  expects: "green",
  async run(setting) {
    const began = performance.now()
    const all = allCells()
    const cells = setting.form === "full" ? all : sample(all, createRandom(setting.seed))
    if (setting.form === "short") setting.say(`drawn: ${cells.map(nameOf).join("; ")}`)
    // The longest first: a lost job of the queue takes two minutes to come again.
    const waiting = cells.toSorted((a, b) => Number(b.flow === "vector") - Number(a.flow === "vector"))
    const ended: Ended[] = []
    const walk = async () => {
      const { street, close } = await openStreet(setting.database)
      try {
        for (let cell = waiting.shift(); cell; cell = waiting.shift()) {
          ended.push(await goThrough(street, cell))
          if (ended.length % 20 === 0) setting.say(`${ended.length} of ${cells.length} cells`)
        }
      } finally {
        await close()
      }
    }
    await Promise.all(Array.from({ length: STREETS }, walk))
    return evidenceOf(ended, began)
  },
}

function sample(cells: readonly Cell[], random: () => number): Cell[] {
  const left = [...cells]
  return Array.from({ length: SAMPLE }, () => left.splice(Math.floor(random() * left.length), 1)).flat()
}

function evidenceOf(ended: readonly Ended[], began: number): Evidence {
  const points = new Set(ended.flatMap(({ cell }) => cell.deaths.map(({ name, moment }) => `${name}.${moment}`)))
  const ends: Record<string, number> = {}
  for (const { cell, end } of ended) {
    const name = `${cell.flow === "tool" ? cell.replay : cell.flow}: ${end}`
    ends[name] = (ends[name] ?? 0) + 1
  }
  return {
    figures: {
      points: points.size,
      cells: ended.length,
      "kill -9": ended.reduce((sum, { cell }) => sum + cell.deaths.length, 0),
      ...Object.fromEntries(Object.entries(ends).sort()),
      seconds: Math.round((performance.now() - began) / 100) / 10,
    },
    violations: ended.flatMap(({ violations }) => violations),
  }
}

async function openStreet(kind: Setting["database"]): Promise<{ street: Street; close(): Promise<void> }> {
  const { dir, remove } = testDir()
  const town = await startTown()
  const database = kind === "postgres" ? await testDatabase("postgres") : null
  if (!database) await (await openPglite({ dir: join(dir, "db"), image: await image() })).close()
  const env = { ...town.env, DATA_DIR: dir, ...(database ? { DATABASE_URL: database.url } : {}) }
  const ship = createMortalShip(env, await freePort())
  return {
    street: {
      ship,
      town,
      async passTime() {
        await database?.db.script(`
          update threads set lease_until = now() - interval '1 second' where owner is not null;
          update outbox set sending_until = now() - interval '1 second' where state = 'sending'`)
      },
    },
    async close() {
      await ship.stop()
      await database?.drop()
      await town.stop()
      remove()
    },
  }
}
