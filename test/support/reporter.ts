/**
 * Reporter: ends a run with the one line continuous integration reads, `N passed, N failed, N skipped`. A file that
 * cannot be loaded and an error outside any test count as failures, so the line never looks better than the run was. Before it stands each test that passed only when repeated.
 */
import type { Reporter } from "vitest/node"

export function createCountsReporter(write: (line: string) => void): Reporter {
  return {
    onTestRunEnd(modules, unhandledErrors) {
      const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0, pending: 0 }
      const unsteady: string[] = []
      for (const module of modules) {
        counts.failed += module.errors().length
        for (const test of module.children.allTests()) {
          counts[test.result().state] += 1
          const [first] = test.result().errors ?? []
          if (test.diagnostic()?.flaky)
            unsteady.push(`unsteady: ${module.relativeModuleId} > ${test.fullName}: ${first?.message.slice(0, 500)}`)
        }
      }
      const { passed, failed, skipped, pending } = counts
      // At exit, so that nothing another reporter prints can follow it.
      process.once("exit", () => {
        for (const line of unsteady) write(line)
        write(`${passed} passed, ${failed} failed, ${skipped + pending} skipped`)
      })
    },
  }
}
