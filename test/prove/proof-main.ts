/** Carry out: the process of one proof. It is told which as its argument, and tells its parent what it sees. */
import { NoPostgres } from "../support/postgres.ts"
import { Untried } from "./proof.ts"
import { orderSchema, type Word } from "./proof-process.ts"
import { PROOFS } from "./proofs.ts"

const order = orderSchema.parse(JSON.parse(process.argv[2] ?? ""))
const { name, ...setting } = order

// Nobody would end what it started any more.
process.on("disconnect", () => process.kill(-process.pid, "SIGKILL"))

const tell = (word: Word) => new Promise((resolve) => process.send?.(word, resolve))

try {
  const proof = PROOFS.find((one) => one.name === name)
  if (!proof) throw new Error(`there is no proof ${name}`)
  const saw = await proof.run({ ...setting, say: (says) => void tell({ says }) })
  await tell({ saw })
} catch (error) {
  if (error instanceof NoPostgres) await tell({ skipped: error.message })
  else if (error instanceof Untried) await tell({ untried: error.message })
  else await tell({ failed: error instanceof Error ? (error.stack ?? error.message) : String(error) })
}
