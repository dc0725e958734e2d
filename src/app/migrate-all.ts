/** Migrate all: migrates Vigil's tables and those of the queue, in a release step before the processes start. */
import { type Log, silentLog } from "../base/log.ts"
import type { Config } from "../config/config.ts"
import type { Opened } from "../db/migrate.ts"
import { openBoss } from "../queue/boss.ts"
import { createQueue } from "../queue/queue.ts"

/** Starts the queue once, which makes its tables. Vigil's own tables were migrated when the database was opened. */
export async function migrateAll(db: Opened, config: Config, log: Log = silentLog): Promise<void> {
  const boss = openBoss(db, { backend: config.QUEUE_BACKEND, worker: false })
  const queue = await createQueue({ boss, log, shared: false })
  await queue.stop()
  await db.close()
}
