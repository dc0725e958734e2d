/**
 * Lock: one process owns a data directory. The lock is a held SQLite transaction, the one file lock that Node offers
 * and the kernel takes back when its process dies, however it dies; so a lock is never stale and never stolen.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { z } from "zod"
import { Misconfigured } from "../base/errors.ts"

const holderSchema = z.object({ pid: z.number(), startedAt: z.string() })

/** Takes `dir` for this process; returns the release. Throws `Misconfigured` (`data_dir_locked`) naming the holder. */
export function lockDataDir(dir: string, now: Date): () => void {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const lock = new DatabaseSync(join(dir, "lock"))
  try {
    lock.exec("pragma busy_timeout = 0; begin exclusive")
  } catch (cause) {
    lock.close()
    const holder = readHolder(dir)
    throw new Misconfigured(`${dir} is in use by ${holder}`, {
      code: "data_dir_locked",
      fix: "stop that process, or start this one with another DATA_DIR (or with DATABASE_URL, which many processes may share)",
      cause,
    })
  }
  writeFileSync(join(dir, "holder.json"), JSON.stringify({ pid: process.pid, startedAt: now.toISOString() }))
  return () => lock.close()
}

function readHolder(dir: string): string {
  try {
    const holder = holderSchema.parse(JSON.parse(readFileSync(join(dir, "holder.json"), "utf8")))
    return `process ${holder.pid}, running since ${holder.startedAt}`
  } catch {
    return "another process (its holder.json cannot be read)"
  }
}
