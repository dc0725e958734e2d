/**
 * Patched: whether the installed packages carry the patches of `src/db/patches`, as they are now. patch-package writes into
 * the package what it applied, by hash; a package that is installed anew loses that record together with the patches.
 * Plain JavaScript that imports nothing of ours: the preflight asks it under any Node.
 */
import { createHash } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

/** @param {string} root The folder of package.json. */
export function isPatched(root) {
  const patches = join(root, "src/db/patches")
  return patchNames(patches).every((name) => appliedTo(root, packageOf(name)).includes(hashOf(join(patches, name))))
}

/** @param {string} folder */
function patchNames(folder) {
  try {
    return readdirSync(folder).filter((name) => name.endsWith(".patch"))
  } catch {
    return []
  }
}

/** Of `postgres+3.4.9+001+words.patch`; a scope and its package are joined by a plus as well. @param {string} patch */
function packageOf(patch) {
  const [name = "", scoped = ""] = patch.split("+")
  return name.startsWith("@") ? `${name}/${scoped}` : name
}

/** Hashes of the patches that `name` carries. @param {string} root @param {string} name @returns {string[]} */
function appliedTo(root, name) {
  try {
    const record = JSON.parse(readFileSync(join(root, "node_modules", name, ".patch-package.json"), "utf8"))
    return record.patches.filter((patch) => patch.didApply).map((patch) => patch.patchContentHash)
  } catch {
    return []
  }
}

/** @param {string} path */
function hashOf(path) {
  return createHash("sha256").update(readFileSync(path)).digest("hex")
}
