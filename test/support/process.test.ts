import { readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { createProcess, nodeArguments } from "./process.ts"

const PACKAGE = join(import.meta.dirname, "../../package.json")
/** A setting with which it does not start. */
const env = { PORT: "eighty" }

test("the tests give node what `npm start` gives it", () => {
  const { scripts } = JSON.parse(readFileSync(PACKAGE, "utf8"))
  expect(scripts.start).toBe(["sh src/node.sh", ...nodeArguments, "src/preflight.js src/main.ts all"].join(" "))
})

test("a start that fails says what the process printed, and an end that nobody asked for is a crash", async () => {
  const product = await createProcess({ env })
  await expect(product.start()).rejects.toThrow("fix: set PORT to a number")
  expect(product.crashes).toEqual([expect.stringContaining("a process ended with 2: ")])
  expect([product.isUp(), product.isReady(), await product.ended()]).toEqual([false, false, 2])
})

test("an end that was to be expected is none", async () => {
  const product = await createProcess({ env })
  await product.start({ mayEnd: true })
  expect([product.crashes, await product.ended()]).toEqual([[], 2])
  expect(await product.stop()).toBe(2)
})
