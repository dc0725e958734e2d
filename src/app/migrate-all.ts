/** Migrate all: our tables and the queue's, for a release step that runs before the processes start. */
import { type Log, silentLog } from "../base/log.ts"
import type { Config } from "../config/config.ts"
import type { Opened } from "../db/migrate.ts"
import { openBoss } from "../queue/boss.ts"
import { createQueue } from "../queue/queue.ts"

/** Opening the database migrated it already; starting the queue once makes its tables. */
export async function migrateAll(db: Opened, config: Config, log: Log = silentLog): Promise<void> {
  const boss = openBoss(db, { backend: config.QUEUE_BACKEND, worker: false })
  const queue = await createQueue({ boss, log, shared: false })
  await queue.stop()
  await db.close()
}
