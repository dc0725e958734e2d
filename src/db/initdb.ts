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
import { syncPath } from "../base/once-file.ts"
import { openPglite } from "./embedded/pglite.ts"
import { migrate } from "./migrate.ts"

/** Makes `dir` in this process. */
export async function makeDatabase(dir: string): Promise<void> {
  const making = `${dir}.making`
  rmSync(making, { recursive: true, force: true })
  // Not synced as it goes: nothing counts before the whole of it is synced below.
  const db = await openPglite({ dir: making, fsync: () => {} })
  await migrate(db)
  await db.close()
  syncTree(making)
  renameSync(making, dir)
  syncPath(dirname(dir))
}

/** Makes `dir` in a child process. */
export async function spawnMakeDatabase(dir: string): Promise<void> {
  await promisify(execFile)(process.execPath, [fileURLToPath(import.meta.url), dir])
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
