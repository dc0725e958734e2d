/**
 * Pristine: an embedded database that is migrated and empty, made once, when the packages are installed or the image is built,
 * and copied at a first boot: making one takes 4 s and 600 MB of memory, a copy neither.
 * R1 It is used only by the very migrations and packages it was made with; after a change of either the first boot makes its own.
 * R2 A copy has its name only when all of it is on the disk.
 * R3 It holds nothing of an installation: no keys, no settings, no rows but the queue's names of itself. What initdb draws at random (the system identifier,
 * the nonce of a login that nobody makes) tells servers of one network apart; each copy is alone in its process.
 * `app/make-pristine.ts` makes it, with the tables of the queue.
 */
import { hash } from "node:crypto"
import { existsSync, globSync, readFileSync, renameSync, rmSync } from "node:fs"
import { copyFile, mkdir, open, readdir } from "node:fs/promises"
import { dirname, join } from "node:path"
import { syncPath } from "../base/once-file.ts"

const ROOT = join(import.meta.dirname, "../..")
/** npm keeps what begins with a dot, and removes it with the packages. */
const FOLDER = "node_modules/.vigil"

/** Where the pristine database of this code is, made or not. */
export function pristineDir(root: string = ROOT): string {
  const made = [
    ...globSync("drizzle/*/migration.sql", { cwd: root }).sort(),
    "node_modules/@electric-sql/pglite/package.json",
    "node_modules/@electric-sql/pglite-pgvector/package.json",
    "node_modules/pg-boss/package.json",
  ]
  // R1
  const stamp = hash("sha256", made.map((path) => `${path}\n${readFileSync(join(root, path), "utf8")}`).join("\n"))
  return join(root, FOLDER, `database-${stamp.slice(0, 16)}`)
}

/** Makes `dir` a copy of the pristine database; false when there is none for this code. */
export async function copyPristine(dir: string, pristine: string = pristineDir(), sync = syncFile): Promise<boolean> {
  if (!existsSync(pristine)) return false
  const making = `${dir}.making`
  rmSync(making, { recursive: true, force: true })
  // R2
  await copyTree(pristine, making, sync)
  renameSync(making, dir)
  syncPath(dirname(dir))
  return true
}

/** Side by side, so that a disk brings many files home at once. */
async function copyTree(from: string, to: string, sync: typeof syncFile): Promise<void> {
  await mkdir(to)
  await Promise.all(
    (await readdir(from, { withFileTypes: true })).map(async (entry) => {
      const [source, copy] = [join(from, entry.name), join(to, entry.name)]
      if (entry.isDirectory()) return copyTree(source, copy, sync)
      await copyFile(source, copy)
      await sync(copy)
    }),
  )
  await sync(to)
}

async function syncFile(path: string): Promise<void> {
  await using handle = await open(path, "r")
  await handle.sync()
}
