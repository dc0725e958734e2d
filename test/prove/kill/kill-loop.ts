/** Kill loop: an acknowledged event is never lost, nothing happens twice, a stale worker changes nothing. */
import type { Proof, Setting } from "../proof.ts"
import { ODDS, runStorm, type Storm } from "./loop.ts"

const POSTGRES: Storm = { messages: 10_000, kills: 222, odds: ODDS, thinkingMs: 400, perSecond: 40, freezeEvery: 12 }
const PGLITE: Storm = { messages: 1500, kills: 36, odds: ODDS, thinkingMs: 200, perSecond: 30, freezeEvery: 0 }
/** Half a minute each. */
const SHORT = { messages: 300, kills: 16 }

export function stormOf({ form, database }: Pick<Setting, "form" | "database">): Storm {
  const full = database === "postgres" ? POSTGRES : PGLITE
  return form === "full" ? full : { ...full, ...SHORT }
}

export const killLoop: Proof = {
  name: "kill loop",
  databases: ["postgres", "pglite"],
  expects: "green",
  run: (setting) => runStorm(setting, stormOf(setting)),
}
