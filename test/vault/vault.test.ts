import { createSecretKey, randomBytes, randomUUID } from "node:crypto"
import { sql } from "drizzle-orm"
import { beforeEach, describe, expect, test } from "vitest"
import { Deny, Reject, Retry } from "../../src/base/errors.ts"
import { createScrubber } from "../../src/vault/scrubber.ts"
import { createVault } from "../../src/vault/vault.ts"
import { ownDatabase } from "../support/own.ts"

const NOW = new Date("2026-03-01T10:00:00Z")
const masterKey = createSecretKey(randomBytes(32))
let now = NOW
const test_ = await ownDatabase()
beforeEach(async () => {
  now = NOW
  await test_.db.query(sql`delete from secrets`)
})

const clock = { now: () => now }
const vault = (key = masterKey) => createVault({ db: test_.db, masterKey: key, clock })
const uses = (name: string) =>
  test_.db.query(sql`select tool, host, run_id as "runId", ok from secret_access where name = ${name} order by id`)

describe("a value", () => {
  test("V1, V2: comes back for a bound tool and host, and is nowhere in the table", async () => {
    await vault().set("GITHUB_TOKEN", "ghp_ü0123456789", { hosts: ["API.github.com"], tools: ["http_request"] })
    expect(await vault().get("GITHUB_TOKEN", { tool: "http_request", host: "api.github.com" })).toBe("ghp_ü0123456789")
    const [row] = await test_.db.query<{ text: string }>(
      sql`select encode(ciphertext || wrapped_key, 'escape') || hosts::text as text from secrets`,
    )
    expect(row?.text).not.toContain("0123456789")
  })

  test("is replaced with a new version, sealed anew", async () => {
    await vault().set("A_KEY", "one-value")
    await vault().set("A_KEY", "two-value", { tools: ["shell"] })
    expect(await vault().get("A_KEY", { tool: "shell" })).toBe("two-value")
    expect(await vault().list()).toMatchObject([{ name: "A_KEY", version: 2, tools: ["shell"] }])
  })

  test("V4: is known to the scrubber when it is set and when it is given out", async () => {
    const setting = createScrubber()
    await createVault({ db: test_.db, masterKey, clock, scrubber: setting }).set("A_KEY", "one-value")
    expect(setting.scrub("is one-value")).toBe("is [secret A_KEY]")
    const reading = createScrubber()
    await createVault({ db: test_.db, masterKey, clock, scrubber: reading }).get("A_KEY", { tool: "settings" })
    expect(reading.scrub("is one-value")).toBe("is [secret A_KEY]")
  })

  test("V3: is gone when it was removed, and the record of its uses stays", async () => {
    await vault().set("GONE_KEY", "one-value")
    await vault().get("GONE_KEY", { tool: "settings" })
    expect(await vault().remove("GONE_KEY")).toBe(true)
    expect(await vault().remove("GONE_KEY")).toBe(false)
    await expect(vault().get("GONE_KEY", { tool: "settings" })).rejects.toThrow(Reject)
    expect(await uses("GONE_KEY")).toMatchObject([{ ok: true }, { ok: false }])
  })
})

describe("V2, V3: a use that is not bound is refused and recorded", () => {
  const refusals: [string, { hosts?: string[]; tools?: string[] }, { tool: string; host?: string }][] = [
    ["another tool", { tools: ["http_request"], hosts: ["*"] }, { tool: "shell", host: "example.com" }],
    ["another host", { tools: ["http_request"], hosts: ["example.com"] }, { tool: "http_request", host: "evil.com" }],
    [
      "a host that only ends like the bound one",
      { tools: ["*"], hosts: ["example.com"] },
      { tool: "t", host: "notexample.com" },
    ],
    ["a host below the bound one", { tools: ["*"], hosts: ["example.com"] }, { tool: "t", host: "x.example.com" }],
    ["a use without a host, when hosts are bound", { tools: ["*"], hosts: ["example.com"] }, { tool: "t" }],
    ["a use for a host, when none is bound", { tools: ["*"] }, { tool: "t", host: "example.com" }],
    ["a tool, when none was named", {}, { tool: "http_request" }],
  ]
  test.each(refusals)("%s", async (_what, bindings, use) => {
    const name = `K_${randomBytes(6).toString("hex").toUpperCase()}`
    await vault().set(name, "one-value", bindings)
    await expect(vault().get(name, use)).rejects.toThrow(Deny)
    expect(await uses(name)).toEqual([{ tool: use.tool, host: use.host ?? null, runId: null, ok: false }])
  })

  test("V2: a port, a case or a closing dot does not make another host", async () => {
    await vault().set("A_KEY", "one-value", { tools: ["*"], hosts: ["Example.com"] })
    for (const host of ["example.com:8443", "EXAMPLE.COM", "example.com."]) {
      expect(await vault().get("A_KEY", { tool: "t", host })).toBe("one-value")
    }
  })

  test("V3: a use is recorded with its run, and nothing can take the record away", async () => {
    const runId = randomUUID()
    await vault().set("RUN_KEY", "one-value")
    await vault().get("RUN_KEY", { tool: "settings", runId })
    expect(await uses("RUN_KEY")).toEqual([{ tool: "settings", host: null, runId, ok: true }])
    await expect(test_.db.query(sql`delete from secret_access`)).rejects.toThrow("append-only")
  })
})

test("V3: a use that cannot be recorded gives no value", async () => {
  await vault().set("A_KEY", "one-value")
  await expect(vault().get("A_KEY", { tool: "settings", runId: "not a run" })).rejects.toThrow("uuid")
})

describe("V1: a row that was edited does not open", () => {
  const edits: [string, string][] = [
    ["its hosts", `update secrets set hosts = '["evil.com"]'`],
    ["its tools", `update secrets set tools = '["*"]'`],
    ["its ciphertext", "update secrets set ciphertext = set_byte(ciphertext, 30, get_byte(ciphertext, 30) # 1)"],
    ["its length", "update secrets set ciphertext = '\\x00'"],
  ]
  test.each(edits)("%s", async (_what, statement) => {
    await vault().set("A_KEY", "one-value", { tools: ["t"], hosts: ["*"] })
    await test_.db.script(statement.replace('"evil.com"', '"*", "evil.com"'))
    await expect(vault().get("A_KEY", { tool: "t", host: "evil.com" })).rejects.toMatchObject({
      code: "altered_secret",
    })
    expect((await uses("A_KEY")).at(-1)).toMatchObject({ ok: false })
  })

  test("a value that was moved to another name, and an old value under a new version", async () => {
    await vault().set("A_KEY", "one-value")
    await vault().set("B_KEY", "two-value")
    await test_.db.script(
      "update secrets b set ciphertext = a.ciphertext, wrapped_key = a.wrapped_key from secrets a where a.name = 'A_KEY' and b.name = 'B_KEY'",
    )
    await expect(vault().get("B_KEY", { tool: "settings" })).rejects.toMatchObject({ code: "other_master_key" })
    await test_.db.script("update secrets set version = 2 where name = 'A_KEY'")
    await expect(vault().get("A_KEY", { tool: "settings" })).rejects.toMatchObject({ code: "other_master_key" })
  })

  test("another master key is named as the reason", async () => {
    await vault().set("A_KEY", "one-value")
    const other = vault(createSecretKey(randomBytes(32)))
    await expect(other.get("A_KEY", { tool: "settings" })).rejects.toMatchObject({ code: "other_master_key" })
  })
})

test("V2: the list says who may use what, since when and when last, without values", async () => {
  await vault().set("LIST_B", "two-value", { hosts: ["b.com", "a.com", "a.com"], tools: ["http_request"] })
  await vault().set("LIST_A", "one-value")
  now = new Date("2026-03-02T10:00:00Z")
  await vault().get("LIST_B", { tool: "http_request", host: "a.com" })
  await vault()
    .get("LIST_B", { tool: "shell" })
    .catch(() => undefined)
  expect(await vault().list()).toEqual([
    {
      name: "LIST_A",
      version: 1,
      hosts: [],
      tools: ["settings"],
      createdAt: NOW,
      updatedAt: NOW,
      lastUse: null,
      refused: 0,
    },
    {
      name: "LIST_B",
      version: 1,
      hosts: ["a.com", "b.com"],
      tools: ["http_request"],
      createdAt: NOW,
      updatedAt: NOW,
      lastUse: { at: now, tool: "http_request", host: "a.com" },
      refused: 1,
    },
  ])
})

describe("V6: what is malformed is refused before anything is written", () => {
  test.each(["", "A", "lower_case", "1ST", "A-B", "A B", `A${"B".repeat(64)}`, "A_KEY\n"])(
    "the name %j",
    async (name) => {
      await expect(vault().set(name, "one-value")).rejects.toMatchObject({ code: "malformed_name" })
      expect(await vault().list()).toEqual([])
    },
  )
  test("an empty value, and a host or a tool that is no name", async () => {
    await expect(vault().set("A_KEY", "")).rejects.toMatchObject({ code: "malformed_value" })
    await expect(vault().set("A_KEY", "one-value", { hosts: ["https://x.com/"] })).rejects.toMatchObject({
      code: "malformed_binding",
    })
    await expect(vault().set("A_KEY", "one-value", { tools: ["a b"] })).rejects.toMatchObject({
      code: "malformed_binding",
    })
    expect(await vault().list()).toEqual([])
  })
})

test("V5: of people who set a secret at the same moment, each later one is told, and a version is one value", async () => {
  await vault().set("A_KEY", "one-value")
  const values = ["two-value", "red-value", "fix-value"]
  const done = await Promise.allSettled(values.map((value) => vault().set("A_KEY", value)))
  const written = done.filter((result) => result.status === "fulfilled")
  const late = done.filter((result) => result.status === "rejected")
  expect(late.every((result) => result.reason instanceof Retry)).toBe(true)
  expect(await vault().list()).toMatchObject([{ version: 1 + written.length }])
  expect(values).toContain(await vault().get("A_KEY", { tool: "settings" }))
})
