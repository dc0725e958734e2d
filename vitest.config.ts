import { resolve } from "node:path"
import { defineConfig } from "vitest/config"
import { createCountsReporter } from "./test/support/reporter.ts"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // What opens no database is the same on both: it runs beside the embedded one.
    ...(process.env.TEST_DATABASE === "postgres" ? { related: [resolve("test/support/database.ts")] } : {}),
    reporters: ["default", createCountsReporter((line) => process.stdout.write(`${line}\n`))],
    // Bounds for what hangs, not for what is slow: a shared machine may be ten times slower than a free one.
    testTimeout: 120_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 60_000 } },
    maxWorkers: 2,
    // On a shared machine one failure is looked at, not the end: the run names every test that passed only when it was repeated.
    retry: process.env.CI ? 1 : 0,
  },
})
