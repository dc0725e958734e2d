/**
 * Install: the size of what production needs: a clean install of the lock file without development packages, and the pristine
 * database that an install makes beside them.
 */
import { execFileSync } from "node:child_process"
import { copyFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { pristineDir } from "../../src/db/pristine.ts"
import { testDir } from "../support/dir.ts"

const ROOT = fileURLToPath(new URL("../../", import.meta.url))

/** Megabytes on disk; null when the packages cannot be fetched. */
export function benchInstall(): number | null {
  const { dir, remove } = testDir()
  try {
    for (const file of ["package.json", "package-lock.json", ".npmrc"]) copyFileSync(join(ROOT, file), join(dir, file))
    execFileSync("npm", ["ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], {
      cwd: dir,
      stdio: "ignore",
    })
    return megabytes(join(dir, "node_modules")) + megabytes(pristineDir(ROOT))
  } catch {
    return null
  } finally {
    remove()
  }
}

function megabytes(path: string): number {
  return Number(execFileSync("du", ["-sm", path], { encoding: "utf8" }).split("\t")[0])
}
