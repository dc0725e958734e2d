/** Kill loop: an acknowledged event is never lost, nothing happens twice, a stale worker changes nothing. */
import type { Proof, Setting } from "../proof.ts"
import { type KillPlan, ODDS, runKillLoop } from "./loop.ts"

const POSTGRES: KillPlan = { messages: 10_000, kills: 222, odds: ODDS, thinkingMs: 400, perSecond: 40, freezeEvery: 12 }
const PGLITE: KillPlan = { messages: 1500, kills: 36, odds: ODDS, thinkingMs: 200, perSecond: 30, freezeEvery: 0 }
/** Half a minute each. */
const SHORT = { messages: 300, kills: 16 }

export function planOf({ form, database }: Pick<Setting, "form" | "database">): KillPlan {
  const full = database === "postgres" ? POSTGRES : PGLITE
  return form === "full" ? full : { ...full, ...SHORT }
}

export const killLoop: Proof = {
  name: "kill loop",
  databases: ["postgres", "pglite"],
  expects: "green",
  run: (setting) => runKillLoop(setting, planOf(setting)),
}
