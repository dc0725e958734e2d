/**
 * Crash points: the product as a real process kills itself (SIGKILL) at each named moment, with a tool of each replay class
 * under way; it is started again on what it left and must come to the end that the class promises.
 */
import { createRandom } from "../durability/random.ts"
import { openStorage } from "../support/storage.ts"
import { type Ended, type Fixture, runCell } from "./crash-points/cell-run.ts"
import { allCells, type Cell, nameOf } from "./crash-points/cells.ts"
import { createCrashingProduct } from "./crash-points/product.ts"
import { startStandIns } from "./crash-points/stand-ins.ts"
import type { Evidence, Proof, Setting } from "./proof.ts"

/** Products side by side. */
const FIXTURES = 3
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
    const runCells = async () => {
      const { fixture, close } = await openFixture(setting.database)
      try {
        for (let cell = waiting.shift(); cell; cell = waiting.shift()) {
          ended.push(await runCell(fixture, cell))
          if (ended.length % 20 === 0) setting.say(`${ended.length} of ${cells.length} cells`)
        }
      } finally {
        await close()
      }
    }
    await Promise.all(Array.from({ length: FIXTURES }, runCells))
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

async function openFixture(kind: Setting["database"]): Promise<{ fixture: Fixture; close(): Promise<void> }> {
  const standIns = await startStandIns()
  const storage = await openStorage(kind, async () => {})
  const product = await createCrashingProduct({ ...standIns.env, ...storage.env() })
  return {
    fixture: {
      product,
      standIns,
      async expireLeases() {
        await storage.live?.script(`
          update threads set lease_until = now() - interval '1 second' where owner is not null;
          update outbox set sending_until = now() - interval '1 second' where state = 'sending'`)
      },
    },
    async close() {
      await product.stop()
      await standIns.stop()
      await storage.remove()
    },
  }
}
