import { expect, test } from "vitest"
import { vigil } from "../command.ts"

test("a proof that does not exist is refused with the names of those that do", async () => {
  const { code, stderr } = await vigil(["prove", "--only", "magic"])
  expect(code).toBe(2)
  expect(stderr).toContain("there is no magic; there are kill loop, ")
})

test.each([
  ["--database", "mysql", "Allowed choices are pglite, postgres"],
  ["--seed", "many", "Give a whole number from 0 to"],
  ["--magic", "", "unknown option '--magic'"],
])("%s %s is refused with what may be given", async (option, value, said) => {
  const { code, stderr } = await vigil(["prove", option, value])
  expect(code).toBe(2)
  expect(stderr).toContain(said)
})

test("one proof runs alone, on one database, and says what it saw", async () => {
  const { code, stdout } = await vigil(["prove", "--short", "--only", "approvals", "--database", "pglite"])
  expect(stdout).toMatch(/ok {3}approvals, pglite, \d+ s, load a core [\d.]+: \{"mutations":300,"refused":300/)
  expect(stdout).toContain("not yet       an acknowledged event is never lost")
  expect(code).toBe(0)
})
