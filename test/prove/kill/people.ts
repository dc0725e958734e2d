/** People: who may write to the processes of a kill loop. */
import { randomUUID } from "node:crypto"
import { sql } from "drizzle-orm"
import type { Db } from "../../../src/db/db.ts"
import { OWNER_ID } from "../../../src/thread/people/people.ts"
import { MEMBERS } from "../workload/conversations.ts"

/** The owner, who is never left alone, and a dozen others who may write. */
export async function addPeople(db: Db): Promise<void> {
  await db.query(sql`
    insert into people (id, role, zone, quiet_hours, created_at) values (${OWNER_ID}, 'owner', 'America/New_York', 'off', now())`)
  for (const { id, name, phone, telegram } of MEMBERS) {
    await db.query(sql`
      insert into people (id, name, role, zone, quiet_hours, created_at) values (${id}, ${name}, 'member', 'America/New_York', 'off', now())`)
    for (const [channel, address] of [
      ["sms", phone],
      ["telegram", String(telegram)],
    ] as const)
      await db.query(sql`
        insert into addresses (id, person_id, channel, address, target, created_at)
        values (${randomUUID()}, ${id}, ${channel}, ${address}, ${address}, now())`)
  }
}
