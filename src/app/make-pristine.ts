/**
 * Make pristine: makes the database that a first boot copies (`db/pristine.ts`), ours and the queue's tables in it, unless it is
 * there. Run as `node make-pristine.ts` when the packages are installed and when the image is built.
 */
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs"
import { dirname, join } from "node:path"
import { silentLog } from "../base/log.ts"
import { makeDatabase } from "../db/initdb.ts"
import { migrate, type Opened } from "../db/migrate.ts"
import { pristineDir } from "../db/pristine.ts"
import { openBoss } from "../queue/boss.ts"
import { createQueue } from "../queue/queue.ts"

async function makePristine(pristine: string): Promise<void> {
  const made = join(dirname(pristine), "made")
  rmSync(dirname(pristine), { recursive: true, force: true })
  mkdirSync(dirname(pristine), { recursive: true })
  await makeDatabase(made, prepare)
  letEveryoneRead(made)
  renameSync(made, pristine)
}

async function prepare(db: Opened): Promise<void> {
  await migrate(db)
  const boss = openBoss(db, { backend: "postgres", worker: false })
  await (await createQueue({ boss, log: silentLog, shared: false })).stop()
}

/** Whoever installs or builds may be another account than the one that starts; Postgres makes some of its files for itself only. */
function letEveryoneRead(dir: string): void {
  chmodSync(dir, 0o755)
  for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true }))
    chmodSync(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o755 : 0o644)
}

if (import.meta.main && !existsSync(pristineDir())) await makePristine(pristineDir())
