import fc from "fast-check"
import { expect, test } from "vitest"
import { idOf, newId } from "../../src/base/ids.ts"

test("a name's id is the same in every process and every version, since rows of old installations hold it", () => {
  expect(idOf("vigil:owner")).toBe("8f97d00d-f272-8991-a3c5-391dbdeb9e95")
})

test("a name's id is a UUID of version 8 and the RFC's variant, in lower case", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (name) => {
      expect(idOf(name)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    }),
  )
})

test("different names have different ids", () => {
  const ids = Array.from({ length: 10_000 }, (_, n) => idOf(`web:${n}`))
  expect(new Set(ids).size).toBe(ids.length)
})

test("new ids are UUIDs of version 7, which sort by the time they were made", () => {
  const ids = Array.from({ length: 1000 }, newId)
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  const times = ids.map((id) => id.slice(0, 13))
  expect(times).toEqual(times.toSorted())
})
