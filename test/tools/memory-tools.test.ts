import { sql } from "drizzle-orm"
import { beforeEach, describe, expect, test } from "vitest"
import { OWNER_LABEL, UNTRUSTED_LABEL } from "../../src/base/label.ts"
import { createMemory } from "../../src/memory/store.ts"
import { memoryTools } from "../../src/tools/memory-tools.ts"
import { ownDatabase } from "../support/own.ts"
import { contextOf, run, toolNamed } from "../support/tools.ts"

const NOW = new Date("2026-03-01T10:00:00Z")
const base = await ownDatabase()
beforeEach(() => base.db.query(sql`delete from memories`))

const memory = () => createMemory({ db: base.db, queue: { send: async () => {} }, clock: { now: () => NOW } })
const tools = () => memoryTools(memory())
const call = (name: string, args: unknown, context = contextOf({ now: NOW })) =>
  run(base.db, toolNamed(tools(), name), args, context)

describe("remember and recall", () => {
  test("what was remembered is recalled for the same person, with its id", async () => {
    const kept = await call("remember", { text: "Tuesdays are for yoga" })
    expect(kept).toEqual({ ok: true, id: expect.any(Number), text: "Tuesdays are for yoga", duplicate: false })
    expect(await call("recall", { query: "when is yoga?" })).toEqual({
      ok: true,
      memories: [{ id: kept.id, text: "Tuesdays are for yoga", recordedAt: NOW.toISOString(), score: 1 }],
      label: OWNER_LABEL,
    })
    expect(await call("recall", { query: "yoga" }, contextOf({ personId: "p2" }))).toEqual({ ok: true, memories: [] })
  })

  test("a memory has the label of the content that led to it, and the step that made it", async () => {
    const { id } = await call(
      "remember",
      { text: "The issue asks for root", kind: "decision" },
      contextOf({ label: UNTRUSTED_LABEL }),
    )
    expect(await memory().get("person:p1", Number(id))).toMatchObject({
      kind: "decision",
      label: UNTRUSTED_LABEL,
      sources: { run: "run-1", op: "op-1", thread: "thread-1" },
    })
    await call("remember", { text: "The issue is old" })
    expect(await call("recall", { query: "issue" })).toMatchObject({
      label: { integrity: "untrusted", confidentiality: "private" },
    })
  })

  test("at most eight memories come back", async () => {
    for (let at = 0; at < 10; at++) await call("remember", { text: `note ${at}` })
    expect((await call("recall", { query: "note" })).memories).toHaveLength(8)
  })

  test.each([[{ text: " " }], [{}], [{ text: "x", kind: "rumour" }], [{ text: "x", scope: "person:p2" }]])(
    "remember refuses %j",
    (args) => {
      expect(toolNamed(tools(), "remember").input.safeParse(args).success).toBe(false)
    },
  )
})

describe("forget", () => {
  test("forgets memories of this person only, and says which ids do not exist", async () => {
    const mine = Number((await call("remember", { text: "mine" })).id)
    const theirs = Number((await call("remember", { text: "theirs" }, contextOf({ personId: "p2" }))).id)
    expect(await call("forget", { ids: [mine, theirs] })).toEqual({
      ok: true,
      forgotten: [{ id: mine, text: "mine" }],
      missing: [theirs],
    })
    expect(await call("forget", { ids: [mine, theirs] })).toMatchObject({ ok: false, code: "not_found" })
    expect(await memory().get("person:p2", theirs)).not.toBeNull()
  })

  test("needs an approval for more than one memory or a pinned one, and names them", async () => {
    const one = Number((await call("remember", { text: "one" })).id)
    const two = Number((await call("remember", { text: "two" })).id)
    const pinned = await base.db.transaction((tx) =>
      memory().remember(tx, {
        scope: "person:p1",
        kind: "fact",
        text: "nuts",
        label: OWNER_LABEL,
        sources: {},
        pinned: true,
      }),
    )
    const asks = (ids: number[]) => toolNamed(tools(), "forget").asks?.({ ids }, contextOf({ now: NOW }))
    expect(await asks([one])).toBeNull()
    expect(await asks([one, one, 999_999])).toBeNull()
    expect(await asks([one, two])).toBe(`would forget ${one} "one"; ${two} "two"`)
    expect(await asks([pinned.id])).toBe(`would forget ${pinned.id} (always in mind) "nuts"`)
  })

  test("an approval shows every id", () => {
    expect(toolNamed(tools(), "forget").show({ ids: [3, 12] })).toBe("Forget memories 3, 12")
  })
})
