import { describe, expect, test } from "vitest"
import { Misconfigured, Retry } from "../../src/base/errors.ts"
import { createLog, type Fields, type LogOptions } from "../../src/base/log.ts"

/** The lines that `write` logged, and the last one parsed. */
function logged(write: (log: ReturnType<typeof createLog>) => void, options: Partial<LogOptions> = {}) {
  const lines: string[] = []
  write(createLog({ level: "debug", scrub: (line) => line, out: (line) => void lines.push(line), ...options }))
  return { lines, last: JSON.parse(lines.at(-1) ?? "{}") }
}
const withFields = (fields: Fields) => logged((log) => log.info("happened", fields)).last

test("a line is one JSON object with the event's name, its fields and the time", () => {
  const { lines, last } = logged((log) => log.info("run", { ms: 12 }))
  expect(lines).toHaveLength(1)
  expect(lines[0]).toMatch(/^\{.*\}\n$/)
  expect(last).toMatchObject({ event: "run", ms: 12, time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) })
})

test("a secret is scrubbed wherever it stands in a line", () => {
  const error = new Retry("sk-canary was refused", { fix: "replace sk-canary", cause: new Error("for sk-canary") })
  const write = (log: ReturnType<typeof createLog>) =>
    log.warn("sk-canary", { url: "https://x/sk-canary", deep: { list: ["sk-canary"] }, error })
  const { lines } = logged(write, { scrub: (line) => line.replaceAll("sk-canary", "[gone]") })
  expect(lines.join("")).not.toContain("sk-canary")
  expect(lines.join("").match(/\[gone\]/g)).toHaveLength(6)
})

test("a VigilError is logged as its code, message, fix and cause, without a stack", () => {
  const error = new Misconfigured("no token", { fix: "set TOKEN", cause: new Error("401") })
  const { last } = logged((log) => log.error("failed", { error, run: "r1" }))
  expect(last).toMatchObject({ code: "misconfigured", message: "no token", fix: "set TOKEN", cause: "401", run: "r1" })
  expect(last).not.toHaveProperty("stack")
})

test("an unexpected error is logged with its stack", () => {
  expect(withFields({ error: new TypeError("oops") })).toMatchObject({
    code: "internal",
    message: "oops",
    stack: expect.stringContaining("log.test.ts"),
  })
})

test.each([
  ["debug", ["debug", "info", "warn", "error"]],
  ["info", ["info", "warn", "error"]],
  ["warn", ["warn", "error"]],
  ["error", ["error"]],
  ["silent", []],
] as const)("at level %s lines below it are not written", (level, written) => {
  const { lines } = logged(
    (log) => {
      for (const at of ["debug", "info", "warn", "error"] as const) log[at](at)
    },
    { level },
  )
  expect(lines.map((line) => JSON.parse(line).event)).toEqual(written)
})

describe("nothing that is logged can throw:", () => {
  test("a cycle", () => {
    const cycle = { name: "loop", self: {} }
    cycle.self = cycle
    expect(withFields({ cycle })).toMatchObject({ event: "happened", cycle: { name: "loop" } })
  })

  test("a big integer", () => {
    expect(withFields({ big: 12345678901234567890n })).toHaveProperty("big")
  })

  test("a value whose toJSON throws", () => {
    const odd = {
      toJSON() {
        throw new Error("never")
      },
    }
    expect(withFields({ odd }).event).toBe("happened")
  })

  test("values that JSON cannot hold", () => {
    const odd = { none: undefined, symbol: Symbol("s"), run: () => 1, map: new Map(), nan: Number.NaN }
    expect(withFields(odd).event).toBe("happened")
  })

  test("a thrown value that is neither an error nor a text", () => {
    expect(withFields({ error: Object.create(null) })).toMatchObject({ code: "internal" })
  })

  test("an error that is its own cause", () => {
    const error = new Error("round")
    error.cause = error
    expect(withFields({ error })).toMatchObject({ message: "round", cause: "round" })
  })
})
