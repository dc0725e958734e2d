import { expect, test } from "vitest"
import { SUITES } from "./promises.ts"
import { suite } from "./suite.ts"

const setting = { database: "pglite", form: "short", seed: 1, say: () => {} } as const

test("a suite of a file that is not there cannot be made", () => {
  expect(() => suite("nothing", ["test/nowhere.test.ts"])).toThrow("names test/nowhere.test.ts, which is not there")
})

test("a suite in which no test passed proves nothing, and says so", async () => {
  const { violations } = await suite("nothing", ["test/support/spine.ts"]).run(setting)
  expect(violations).toEqual(["no test passed"])
})

test("a suite tells how many of its tests passed", async () => {
  expect(await suite("ids", ["test/base/ids.test.ts"]).run(setting)).toEqual({ figures: { tests: 4 }, violations: [] })
})

test("every suite of the promises can be made", () => {
  expect(SUITES.map(({ name }) => name)).toContain("twice delivered")
})
