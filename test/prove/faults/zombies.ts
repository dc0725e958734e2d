/**
 * Zombies: a worker is stopped in the middle of its runs for longer than its lease, another takes them over, and then the
 * first goes on as if nothing had been. Nothing it still does may count, and nobody may notice it.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { SENDING_SECONDS } from "../../../src/thread/outbox/outbox.ts"
import { LEASE_SECONDS } from "../../../src/thread/runs/lease.ts"
import type { Storage } from "../../support/storage.ts"
import { type Evidence, type Proof, type Setting, Untried } from "../proof.ts"
import { misanswered, type Scenario, withStorage } from "./scenario.ts"

/** Where it is stopped: asking a model, with the answer in hand and nothing written, or sending. */
const MOMENTS = ["asking", "answered", "sending"] as const
type Moment = (typeof MOMENTS)[number]
const PLAN: Record<"short" | "full", Moment[]> = {
  short: ["asking"],
  full: ["asking", "answered", "sending", "answered"],
}
/** Messages written on each way in before the stop, so that many runs are under way. */
const ROUNDS = 6
/** How often more is written, and how long after. */
const TRIES = 20
const AGAIN_MS = 3000
/** From the first of them at the moment until the stop; the others are held there with it. */
const GATHER_MS = 500

export const zombies: Proof = {
  name: "zombies",
  databases: ["postgres"],
  expects: "green",
  run: (setting) => withStorage(setting, (scenario, storage) => stopAgainAndAgain(scenario, storage, setting)),
}

async function stopAgainAndAgain(scenario: Scenario, storage: Storage, { form, say }: Setting): Promise<Evidence> {
  for (const who of ["one", "two"]) await scenario.launch({ env: { ...scenario.envFor(who), ...storage.env(who) } })
  await Promise.all(scenario.processes.map((product) => product.start()))
  let takenOver = 0
  for (const [round, moment] of PLAN[form].entries()) {
    takenOver += await stopOne(scenario, round % 2 ? "one" : "two", moment)
    say(`zombies: stopped while ${moment}, ${takenOver} runs taken over so far`)
  }
  const refused = scenario.processes.reduce((sum, product) => sum + (product.events.get("run_fenced") ?? 0), 0)
  await Promise.all(scenario.processes.map((product) => product.kill()))
  const violations = [...(await scenario.verdict(await storage.open())), ...misanswered(scenario)]
  if (takenOver === 0 && violations.length === 0) throw new Untried("no run was taken over, so that nothing was tried")
  return {
    figures: {
      stops: PLAN[form].length,
      messages: scenario.taken.length,
      "runs taken over": takenOver,
      "late writes refused": refused,
      "late writes done": violations.filter((one) => one.includes("had lost its thread")).length,
    },
    violations,
  }
}

/** How many runs the other worker finished meanwhile that the stopped one had begun. */
async function stopOne(scenario: Scenario, who: string, moment: Moment): Promise<number> {
  const [victim, other] = who === "one" ? scenario.processes : scenario.processes.toReversed()
  if (!victim || !other) throw new Error("it takes two")
  const stopped = Promise.withResolvers<void>()
  let begun = 0
  scenario.targets = () => [victim.url]
  scenario.providers.before = async (call) => {
    if (call.who !== who || call.what !== (moment === "sending" ? "send" : "model")) return
    if (begun === 0) setTimeout(() => stop(), GATHER_MS)
    begun++
    await stopped.promise
  }
  const stop = () => {
    stopped.resolve()
    // With the answers on their way it stops between an effect and its outcome.
    if (moment === "answered") setTimeout(() => victim.freeze(), 3)
    else victim.freeze()
  }
  // Either of the two may take the work: more is written until the victim has its share.
  for (let tries = 0; begun === 0; tries++) {
    if (tries === TRIES) throw new Error(`${who} never came to be ${moment}`)
    for (let round = 0; round < ROUNDS; round++) scenario.write()
    await Promise.race([stopped.promise, sleep(AGAIN_MS)])
  }
  await stopped.promise
  const from = scenario.providers.modelCalls
  scenario.targets = () => [other.url]
  await sleep((moment === "sending" ? SENDING_SECONDS + LEASE_SECONDS : 2 * LEASE_SECONDS) * 1000)
  const takenOver = scenario.providers.modelCalls > from || moment === "sending" ? begun : 0
  scenario.providers.before = () => {}
  victim.thaw()
  scenario.targets = () => [victim.url, other.url]
  await scenario.drained()
  return takenOver
}
