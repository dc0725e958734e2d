/**
 * Clock jumps: the wall clock of a running process is set an hour forward and back, again and again, while messages come in
 * and reminders are open; the embedded database reads the same clock. No thread may stay held or wait for the hour to pass.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { sql } from "drizzle-orm"
import type { Db } from "../../../src/db/db.ts"
import type { Evidence, Proof, Setting } from "../proof.ts"
import { openHarbour } from "./harbour.ts"
import { misanswered, openScene, type Scene } from "./scene.ts"

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
  async run(setting) {
    const scene = await openScene(setting)
    try {
      return await jump(scene, setting)
    } finally {
      await scene.close()
    }
  },
}

async function jump(scene: Scene, setting: Setting): Promise<Evidence> {
  const harbour = await openHarbour(scene, setting.database)
  const boat = await scene.launch({ env: harbour.envFor("one"), with: ["shifted-clock.ts"] })
  await boat.start()
  const settled: number[] = []
  for (const hours of JUMPS[setting.form]) {
    const end = scene.traffic(EVERY_MS)
    await sleep(500 + scene.random() * 500)
    await boat.ask({ shiftMs: hours * HOUR_MS })
    await sleep(500 + scene.random() * 500)
    end()
    settled.push(await scene.drained())
    setting.say(`clock jumps: to ${hours} hours, all done after ${Math.round(settled.at(-1) ?? 0)} ms`)
  }
  await boat.kill()
  const db = await harbour.open()
  const broken = await scene.verdict(db)
  const late = settled.filter((ms) => ms > MOST_MS)
  return {
    figures: {
      jumps: settled.length,
      messages: scene.taken.length,
      "all done after, most ms": Math.round(Math.max(...settled)),
      digests: (await digests(db)).length,
      "answered again by the model": broken.filter((one) => /has 2 replies/.test(one)).length,
    },
    violations: [
      ...broken.filter(isNotOfTheClock),
      ...misanswered(scene),
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
