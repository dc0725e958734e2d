import { defineConfig } from "vitest/config"
import { createCountsReporter } from "./test/support/reporter.ts"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    reporters: ["default", createCountsReporter((line) => process.stdout.write(`${line}\n`))],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
})
