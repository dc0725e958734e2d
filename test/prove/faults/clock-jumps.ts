/**
 * Clock jumps: the wall clock of a running process is set an hour forward and back, again and again, while messages come in
 * and reminders are open; the embedded database reads the same clock. No thread may stay held or wait for the hour to pass.
 */
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { sql } from "drizzle-orm"
import type { Db } from "../../../src/db/db.ts"
import type { Storage } from "../../support/storage.ts"
import type { Evidence, Proof, Setting } from "../proof.ts"
import { misanswered, type Scenario, withStorage } from "./scenario.ts"

const HOUR_MS = 3_600_000
/** Hours from the true time, one after the other. */
const JUMPS = { short: [1, 0], full: [1, 0, -1, 0, 2, -1, 0, 1, -1, 0] }
const EVERY_MS = 200
/** What a lease and a sweep take, and a busy machine. */
const MOST_MS = 20_000

export const clockJumps: Proof = {
  name: "clock jumps",
  databases: ["pglite", "postgres"],
  expects: "green",
  run: (setting) => withStorage(setting, (scenario, storage) => jump(scenario, storage, setting)),
}

async function jump(scenario: Scenario, storage: Storage, setting: Setting): Promise<Evidence> {
  const product = await scenario.launch({
    env: { ...scenario.envFor("one"), ...storage.env("one") },
    imports: [join(import.meta.dirname, "clock-injector.ts")],
  })
  await product.start()
  const settled: number[] = []
  for (const hours of JUMPS[setting.form]) {
    const end = scenario.traffic(EVERY_MS)
    await sleep(500 + scenario.random() * 500)
    await product.ask({ shiftMs: hours * HOUR_MS })
    await sleep(500 + scenario.random() * 500)
    end()
    settled.push(await scenario.drained())
    setting.say(`clock jumps: to ${hours} hours, all done after ${Math.round(settled.at(-1) ?? 0)} ms`)
  }
  await product.kill()
  const db = await storage.open()
  const broken = await scenario.verdict(db)
  const late = settled.filter((ms) => ms > MOST_MS)
  return {
    figures: {
      jumps: settled.length,
      messages: scenario.taken.length,
      "all done after, most ms": Math.round(Math.max(...settled)),
      digests: (await digests(db)).length,
      "answered again by the model": broken.filter((one) => /has 2 replies/.test(one)).length,
    },
    violations: [
      ...broken.filter(isNotOfTheClock),
      ...misanswered(scenario),
      ...(await digests(db)).filter(({ times }) => times > 1).map(({ day }) => `the digest of ${day} is there twice`),
      ...(await unended(db)).map(({ due }) => `what was due at ${due.toISOString()} has no end`),
    ],
    late: late.map((ms) => `after a jump all was done only after ${Math.round(ms)} ms`),
  }
}

/**
 * Which of two runs was first cannot be told by a clock that goes back; and for as long as it went back the model reads what was
 * said last as if it had been said first, so that it may answer a message again, in a run of another.
 */
function isNotOfTheClock(violation: string): boolean {
  return !/had ended|has 2 replies|arrived 2 times|out of order/.test(violation)
}

function digests(db: Db): Promise<{ day: string; times: number }[]> {
  return db.query(sql`
    select to_char(due_at at time zone zone, 'YYYY-MM-DD') as day, count(*) as times
    from occurrences join automations on automations.id = automation_id
    where name = 'digest' and occurrences.state = 'done' group by 1`)
}

function unended(db: Db): Promise<{ due: Date }[]> {
  return db.query(sql`select due_at as due from occurrences where state = 'started'`)
}
