/**
 * Warm-up: the product is started and stopped once before it is killed hundreds of times. Only who leaves gently keeps its
 * compiled code for the next start, and no process of a kill loop ever does.
 */
import { image } from "../support/database.ts"
import { testDir } from "../support/dir.ts"
import { createProcess } from "../support/process.ts"

/** A product that does not start is the finding of the proofs, not of this. */
export async function warmUp(): Promise<void> {
  await image()
  const { dir, remove } = testDir()
  const product = await createProcess({ env: { DATA_DIR: dir, VIGIL_PROBE_LOCAL: "0" } })
  await product.start().catch(() => {})
  await product.stop()
  remove()
}
