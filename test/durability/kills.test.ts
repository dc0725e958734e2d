/**
 * The kill loop, small: `kill -9` at random moments, against the product as it is started for real. KILLS sets how many (5),
 * KILLS_SEED repeats the choices. On Postgres a web process and three workers share the work, on PGlite there is one process.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { FAULTS, withFault } from "../prove/kill/faults.ts"
import { planOf } from "../prove/kill/kill-loop.ts"
import { runKillLoop } from "../prove/kill/loop.ts"
import { databaseKind } from "../support/database.ts"

const KILLS = Number(process.env.KILLS ?? 5)
const MESSAGES_A_KILL = 15
const SEED = Number(process.env.KILLS_SEED ?? 20_261_122)
const PATIENCE_MS = 300_000

test(
  `${KILLS} kills at random moments lose nothing, repeat nothing, and every reply is sent`,
  async () => {
    const setting = { form: "short" as const, database: databaseKind, seed: SEED, say: () => {} }
    const plan = { ...planOf(setting), kills: KILLS, messages: KILLS * MESSAGES_A_KILL }
    const { figures, violations } = await runKillLoop(setting, plan)
    // As one text, which is told whole where an unsteady test is named.
    expect(violations.join("; ")).toBe("")
    expect(figures.messages).toBeGreaterThan(KILLS)
    // The kills met runs at work: otherwise nothing was tested.
    expect(figures["runs hit"]).toBeGreaterThan(0)
  },
  PATIENCE_MS + KILLS * 5000,
)

test("each fault of the controls still fits the source that it changes", () => {
  for (const changes of Object.values(FAULTS)) {
    for (const file of new Set(changes.map((change) => change.file))) {
      const source = readFileSync(join(import.meta.dirname, "../../src", file), "utf8")
      expect(withFault(changes, file, source)).not.toBe(source)
    }
  }
  expect(() => withFault(FAULTS.intent, "agent/durable/tool-step.ts", "")).toThrow(
    "does not fit src/agent/durable/tool-step.ts",
  )
})
