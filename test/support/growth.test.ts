import { expect, test } from "vitest"
import { growth } from "./growth.ts"

test("work that grows in proportion is told from work that grows with the square", () => {
  let sum = 0
  const spin = (times: number) => {
    for (let n = 0; n < times; n++) sum += Math.sqrt(n)
  }
  expect(growth((size) => spin(size), 1000)).toBeLessThan(8)
  expect(growth((size) => spin(size * size), 10)).toBeGreaterThan(8)
  expect(sum).toBeGreaterThan(0)
})
