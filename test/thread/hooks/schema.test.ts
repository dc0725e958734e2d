import { expect, test } from "vitest"
import { compileSchema, type JsonSchema } from "../../../src/thread/hooks/schema.ts"

const person = {
  type: "object",
  properties: { name: { type: "string", minLength: 1 }, tags: { type: "array", items: { $ref: "#/$defs/tag" } } },
  required: ["name"],
  additionalProperties: false,
  $defs: { tag: { enum: ["a", "b"] } },
}

test.each<[string, JsonSchema, unknown, number]>([
  ["what fits", person, { name: "x", tags: ["a"] }, 0],
  ["a missing property", person, {}, 1],
  ["a wrong item", person, { name: "x", tags: ["c"] }, 1],
  ["an unknown property", person, { name: "x", more: 1 }, 1],
  ["anything, where anything may come", true, { x: 1 }, 0],
  ["nothing at all", false, 1, 1],
])("a payload is held to its schema: %s", (_what, schema, value, reasons) => {
  expect(compileSchema(schema)(value)).toHaveLength(reasons)
})

test("a reason says where", () => {
  expect(compileSchema(person)({ name: "x", tags: ["a", "c"] })[0]).toMatch(/^tags\.1: /)
})

test.each<[string, JsonSchema]>([
  ["a type that is none", { type: "text" }],
  ["rules without a type", { minimum: 5 }],
  ["rules without a type further down", { type: "object", properties: { a: { pattern: "^x" } } }],
  ["a required property that nothing describes", { type: "object", required: ["a"] }],
  ["an address elsewhere", { $ref: "https://example.com/schema.json" }],
  ["conditions", { type: "object", if: { required: ["a"] } }],
])("a schema of which a part would not be held is refused: %s", (_what, schema) => {
  expect(() => compileSchema(schema)).toThrow(
    expect.objectContaining({ name: "Reject", status: 422, code: "bad_schema" }),
  )
})
