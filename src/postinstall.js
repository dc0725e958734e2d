/**
 * Postinstall: what npm runs when the packages are installed: it puts the patches of `src/db/patches` on them, without which
 * nothing counts as installed, and makes the pristine database, without which the first start takes longer and more memory.
 * Plain JavaScript that imports nothing of ours, so any Node can run it. In the image only the patches are there yet.
 */
import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const NEEDED = 26
const root = dirname(dirname(fileURLToPath(import.meta.url)))
const patcher = join(root, "node_modules/patch-package/index.js")
const maker = join(root, "src/app/make-pristine.ts")

function run(...args) {
  return spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" }).status ?? 1
}

const status = run(patcher, "--patch-dir", "src/db/patches", "--error-on-fail")
if (status !== 0) process.exit(status)
if (Number.parseInt(process.versions.node, 10) >= NEEDED && existsSync(maker) && run(maker) !== 0) {
  process.stderr.write("The database for the first start could not be made now; the first start will make it.\n")
}
