/**
 * Suite: tests of the project as a proof, run apart on one database. A failed test is a violation, and so is a run in
 * which no test passed: a proof of nothing is none. A suite of a file that is not there cannot be made.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { z } from "zod"
import { testDir } from "../support/dir.ts"
import type { Proof } from "./proof.ts"

const ROOT = join(import.meta.dirname, "../..")
const VITEST = join(ROOT, "node_modules/vitest/vitest.mjs")

const outcome = z.object({
  testResults: z.array(
    z.object({
      message: z.string().default(""),
      assertionResults: z.array(z.object({ fullName: z.string(), status: z.string() })),
    }),
  ),
})

export function suite(name: string, files: string[], databases: Proof["databases"] = ["pglite", "postgres"]): Proof {
  const missing = files.filter((path) => !existsSync(join(ROOT, path)))
  if (missing.length > 0) throw new Error(`the proof "${name}" names ${missing.join(", ")}, which is not there`)
  return {
    name,
    databases,
    expects: "green",
    async run({ database }) {
      const { dir, remove } = testDir()
      const file = join(dir, "report.json")
      const args = [VITEST, "run", ...files, "--reporter=json", `--outputFile=${file}`]
      const env = { ...process.env, TEST_DATABASE: database, NO_COLOR: "1" }
      const child = spawn(process.execPath, args, { cwd: ROOT, env, stdio: "ignore" })
      await once(child, "exit")
      const { testResults } = outcome.parse(JSON.parse(readFileSync(file, "utf8")))
      remove()
      const tests = testResults.flatMap(({ assertionResults }) => assertionResults)
      const failed = tests.filter(({ status }) => status === "failed").map(({ fullName }) => fullName)
      const empty = testResults.filter(({ assertionResults }) => assertionResults.length === 0)
      const passed = tests.filter(({ status }) => status === "passed").length
      return {
        figures: { tests: passed },
        violations: [
          ...failed,
          ...empty.map(({ message }) => message.slice(0, 300)),
          ...(passed === 0 ? ["no test passed"] : []),
        ],
      }
    },
  }
}
