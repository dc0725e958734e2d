/** Harbour: where the processes of a kill loop keep their data, who is known there, and which processes there are. */
import { randomUUID } from "node:crypto"
import { join } from "node:path"
import { sql } from "drizzle-orm"
import type { Db } from "../../../src/db/db.ts"
import { openPglite } from "../../../src/db/embedded/pglite.ts"
import { OWNER_ID } from "../../../src/thread/people/people.ts"
import type { ShipOptions } from "../../durability/fleet.ts"
import { image, testDatabase } from "../../support/database.ts"
import { testDir } from "../../support/dir.ts"
import { MEMBERS } from "../world/lanes.ts"

export interface Harbour {
  dir: string
  env: Record<string, string>
  roles: NonNullable<ShipOptions["role"]>[]
  /** The database while the processes run; null where only one process can have it. */
  live: Db | null
  /** The database after the last process. */
  open(): Promise<Db>
  remove(): Promise<void>
}

export async function openHarbour(database: "pglite" | "postgres"): Promise<Harbour> {
  const { dir, remove } = testDir()
  if (database === "postgres") {
    const base = await testDatabase("postgres")
    await settle(base.db)
    return {
      dir,
      env: { DATA_DIR: dir, DATABASE_URL: base.url },
      roles: ["web", "worker", "worker", "worker"],
      live: base.db,
      open: async () => base.db,
      async remove() {
        await base.drop()
        remove()
      },
    }
  }
  const made = await openPglite({ dir: join(dir, "db"), image: await image() })
  await settle(made)
  await made.close()
  let after: Db | undefined
  return {
    dir,
    env: { DATA_DIR: dir },
    roles: ["all"],
    live: null,
    async open() {
      after = await openPglite({ dir: join(dir, "db") })
      return after
    },
    async remove() {
      await after?.close()
      remove()
    },
  }
}

/** The owner, who is never left alone, and a dozen others who may write. */
async function settle(db: Db): Promise<void> {
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
