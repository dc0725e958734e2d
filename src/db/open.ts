/** Open: the database this installation uses, migrated and ready; embedded unless a URL is given. */
import { join } from "node:path"
import { spawnMakeDatabase } from "./initdb.ts"
import { lockDataDir } from "./lock.ts"
import { migrate, type Opened } from "./migrate.ts"
import { copyPristine } from "./pristine.ts"
import { retryWhileAway, type Waiting } from "./retry.ts"

export interface OpenOptions {
  /** Postgres; when set nothing is embedded. */
  url?: string
  /** Where the embedded database lives, under `db/`. */
  dataDir: string
  now: Date
  /** Connections of the Postgres pool. */
  max?: number
  /** A Postgres that does not answer yet gets a minute; `onWait` is told once when it is needed. */
  waiting?: Waiting
}

export type OpenDb = Opened & {
  /** The embedded database was made by this very boot. */
  firstBoot: boolean
}

/** Drivers load only when they are used: PGlite alone is 20 MB of code. */
export async function openDb(options: OpenOptions): Promise<OpenDb> {
  if (options.url) {
    const { openPostgres } = await import("./postgres.ts")
    const db = openPostgres({ url: options.url, ...(options.max === undefined ? {} : { max: options.max }) })
    await retryWhileAway(() => migrate(db), options.waiting)
    return { ...db, firstBoot: false }
  }
  const release = lockDataDir(options.dataDir, options.now)
  const { isInitialised, openPglite } = await import("./embedded/pglite.ts")
  const dir = join(options.dataDir, "db")
  const firstBoot = !isInitialised(dir)
  if (firstBoot && !(await copyPristine(dir))) await spawnMakeDatabase(dir)
  const db = await openPglite({ dir })
  await migrate(db)
  return {
    ...db,
    firstBoot,
    close: async () => {
      await db.close()
      release()
    },
  }
}
