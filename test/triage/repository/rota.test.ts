import { expect, test } from "vitest"
import type { Rota } from "../../../src/contract/work/triage.ts"
import { createRotas, onCall } from "../../../src/triage/repository/rota.ts"

const WEEKLY: Rota = {
  zone: "America/New_York",
  start: "2026-10-26",
  everyDays: 7,
  logins: ["ana", "ben", "chris"],
  overrides: [],
}
const at = (time: string) => new Date(time)

test.each([
  ["2026-10-26T04:00:00Z", "ana", "the first midnight of the first turn, New York summer time"],
  ["2026-11-02T04:59:59Z", "ana", "the last second of a week with 25 hours more than six days"],
  ["2026-11-02T05:00:00Z", "ben", "midnight after the clocks went back"],
  ["2026-11-09T05:00:00Z", "chris", "the third turn"],
  ["2026-11-16T05:00:00Z", "ana", "the round begins again"],
])("at %s it is %s: %s", (time, login) => {
  expect(onCall(WEEKLY, at(time), "UTC")).toBe(login)
})

test("nobody is on call before the start", () => {
  expect(onCall(WEEKLY, at("2026-10-26T03:59:59Z"), "UTC")).toBeNull()
})

test("an override wins on its days, both included, and the last override wins over those before it", () => {
  const overrides = [
    { from: "2026-11-03", to: "2026-11-05", login: "dora" },
    { from: "2026-11-05", to: "2026-11-05", login: "ed" },
  ]
  const days = ["02", "03", "04", "05", "06"].map((day) =>
    onCall({ ...WEEKLY, overrides }, at(`2026-11-${day}T17:00:00Z`), "UTC"),
  )
  expect(days).toEqual(["ben", "dora", "dora", "ed", "ben"])
})

test("a rota without a zone uses the installation's", () => {
  const { zone: _, ...bare } = WEEKLY
  expect(onCall(bare, at("2026-11-01T23:30:00Z"), "Asia/Tokyo")).toBe("ben")
  expect(onCall(bare, at("2026-11-01T23:30:00Z"), "UTC")).toBe("ana")
})

test("a repository's own rota wins over the one for all, and a wrong rota is refused with an example", async () => {
  const kept = new Map<string, unknown>()
  const kv = {
    get: async (_space: string, key: string) =>
      kept.has(key) ? { key, value: kept.get(key), version: 1, updatedAt: new Date(), expiresAt: null } : null,
    set: async (_tx: unknown, _space: string, key: string, value: unknown) => {
      kept.set(key, value)
      return 1
    },
  }
  const rotas = createRotas({ kv, zone: () => "UTC" })
  const tx = { query: async () => [], raw: async () => [] }
  await rotas.set(tx, "*", { start: "2026-01-01", logins: ["everyone"] })
  await rotas.set(tx, "Octo/Demo", { start: "2026-01-01", logins: ["own"] })
  expect([
    await rotas.onCall("octo/demo", at("2026-05-01T00:00:00Z")),
    await rotas.onCall("octo/x", at("2026-05-01T00:00:00Z")),
  ]).toEqual(["own", "everyone"])
  await expect(rotas.set(tx, "*", { start: "2026-01-01", logins: [] })).rejects.toMatchObject({
    code: "bad_rota",
    fix: expect.stringContaining("logins"),
  })
  await expect(rotas.set(tx, "*", { start: "2026-01-01", logins: ["a"], zone: "Mars/Base" })).rejects.toMatchObject({
    status: 400,
  })
})
