/** Dir: a directory of a test's own. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** A directory for one test, removed by the returned function. */
export function testDir(): { dir: string; remove(): void } {
  const dir = mkdtempSync(join(tmpdir(), "vigil-"))
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) }
}
