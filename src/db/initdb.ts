/**
 * Initdb: makes the embedded database, migrated, in a process of its own (it leaves 300 MB behind), beside its final
 * place, synced to disk, and renamed into place last: a boot that dies half-way leaves nothing behind.
 * Run as `node initdb.ts <dir>`, or called in this process by tests.
 */
import { execFile } from "node:child_process"
import { readdirSync, renameSync, rmSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { Misconfigured } from "../base/errors.ts"
import { syncPath } from "../base/once-file.ts"
import { openPglite } from "./embedded/pglite.ts"
import { migrate, type Opened } from "./migrate.ts"

/** Makes `dir` in this process. @param prepare what it has before it counts. */
export async function makeDatabase(dir: string, prepare: (db: Opened) => Promise<void> = migrate): Promise<void> {
  const making = `${dir}.making`
  rmSync(making, { recursive: true, force: true })
  // Not synced as it goes: nothing counts before the whole of it is synced below.
  const db = await openPglite({ dir: making, fsync: () => {} })
  await prepare(db)
  await db.close()
  syncTree(making)
  renameSync(making, dir)
  syncPath(dirname(dir))
}

/** Makes `dir` in a child process. Throws `Misconfigured` (`database_not_made`) when that one was killed. */
export async function spawnMakeDatabase(dir: string, node: string = process.execPath): Promise<void> {
  try {
    await promisify(execFile)(node, [fileURLToPath(import.meta.url), dir])
  } catch (cause) {
    if (!(cause instanceof Error && "signal" in cause && cause.signal === "SIGKILL")) throw cause
    throw new Misconfigured("the process that makes the embedded database was killed, most likely for want of memory", {
      code: "database_not_made",
      fix: "run: npm ci (it makes the database beforehand), or give the first start 1 GB of memory; later ones need 256 MB",
      cause,
    })
  }
}

function syncTree(dir: string): void {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name)
    if (entry.isDirectory()) syncTree(path)
    else syncPath(path)
  }
  syncPath(dir)
}

if (import.meta.main && process.argv[2]) await makeDatabase(process.argv[2])
