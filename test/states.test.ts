/** `STATES.md` against the statements of `src` and the schema, and proof that the check which holds them can fail. */
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { stateBreaches } from "./support/states.ts"

const root = join(import.meta.dirname, "..")
const page = readFileSync(join(root, "src/thread/STATES.md"), "utf8")
const sources = new Map(
  globSync("src/**/*.ts", { cwd: root }).map((path) => [
    path.replaceAll("\\", "/"),
    readFileSync(join(root, path), "utf8"),
  ]),
)

/** The sources with one passage of one file changed. */
function planted(path: string, old: string, changed: string): Map<string, string> {
  const text = sources.get(path)
  if (!text?.includes(old)) throw new Error(`${path} does not say ${old}`)
  return new Map([...sources, [path, text.replace(old, changed)]])
}

test("every change of a state is on the page, and the page has no other", () => {
  expect(stateBreaches(sources, page)).toEqual([])
})

describe("the check finds, planted in the real sources,", () => {
  const BY = "src/thread/outbox/planted.ts"
  const among = (code: string) => stateBreaches(new Map([...sources, [BY, code]]), page)

  test("a new update with a transition that the page lacks", () => {
    const code =
      "export function undo(tx: Tx) {\n  return tx.query(sql`update outbox set state = 'pending' where state = 'sent'`)\n}\n"
    expect(among(code)).toEqual([`not on the page: outbox: sent -> pending, by ${BY}: undo`])
  })

  test("one in a part of a larger statement, over several lines, with an alias beside it", () => {
    const code =
      "async function undo(tx: Tx) {\n  await tx.query(sql`\n    with gone as (\n      update inbox\n        set attempts = 0, state = 'dead' from runs\n      where runs.state = 'failed' and inbox.state = 'new'\n    ) select 1`)\n}\n"
    expect(among(code)).toEqual([`not on the page: inbox: new -> dead, by ${BY}: undo`])
  })

  test("one whose where names no state", () => {
    const code = "const undo = (tx: Tx) => tx.query(sql`update runs set state = 'failed' where id = 1`)\n"
    expect(among(code)).toEqual([`not on the page: runs: any -> failed, by ${BY}: undo`])
  })

  test("an insert with another first state, and one that leaves it to the default", () => {
    const code =
      "function put(tx: Tx) {\n  return tx.query(sql`insert into inbox (id, state) values (1, 'dead')`)\n}\nfunction ask(tx: Tx) {\n  return tx.query(sql`insert into approvals (id) values (1)`)\n}\n"
    expect(among(code)).toEqual([
      `not on the page: inbox: (new) -> dead, by ${BY}: put`,
      `not on the page: approvals: (new) -> open, by ${BY}: ask`,
    ])
  })

  test("a state that the schema refuses", () => {
    const changed = planted(
      "src/thread/runs/finish.ts",
      "update runs set state = 'waiting'",
      "update runs set state = 'resting'",
    )
    expect(stateBreaches(changed, page)).toContain("the schema refuses runs.state resting")
  })

  test("a state of the schema that nobody sets", () => {
    const changed = planted(
      "src/db/schema/threads.ts",
      "'failed', 'cancelled')",
      "'failed', 'cancelled', 'needs_review')",
    )
    expect(stateBreaches(changed, page)).toEqual(["nobody sets runs.state to needs_review"])
  })

  test("a type that allows one more state", () => {
    const changed = planted(
      "src/thread/runs/finish.ts",
      'state: "done" | "failed" | "cancelled"',
      'state: "done" | "failed" | "cancelled" | "dead"',
    )
    expect(stateBreaches(changed, page)).toContain("the schema refuses runs.state dead")
  })

  test("a statement that is no template", () => {
    const code = "const undo = (tx: Tx) => tx.raw(\"update runs set state = 'failed'\")\n"
    expect(() => among(code)).toThrow("a state is changed outside a template")
  })

  test("a value whose states no type names", () => {
    const what = "$" + "{what}"
    const code = `const undo = (tx: Tx, what: string) => tx.query(sql\`update runs set state = ${what}\`)\n`
    expect(() => among(code)).toThrow("which states are what?")
  })

  test("a statement whose transition is gone", () => {
    const changed = planted(
      "src/thread/approvals/approval.ts",
      "update approvals set state = 'expired'",
      "update approvals set code = ''",
    )
    expect(stateBreaches(changed, page)).toEqual([
      "no statement does it: approvals: open -> expired, by src/thread/approvals/approval.ts: expireApprovals",
      "nobody sets approvals.state to expired",
    ])
  })
})

describe("the check finds, on the page,", () => {
  const without = (line: RegExp) => page.replace(line, "")

  test("a row that is missing, and its arrow that is left", () => {
    const found = stateBreaches(sources, without(/^\| pending \| sending .*\n/m))
    expect(found).toEqual([
      "not on the page: outbox: pending -> sending, by src/thread/outbox/outbox.ts: take",
      "drawn, and not in the table: outbox: pending -> sending",
    ])
  })

  test("an arrow that is missing", () => {
    expect(stateBreaches(sources, without(/^ {2}pending --> sending\n/m))).toEqual([
      "not drawn: outbox: pending -> sending",
    ])
  })

  test("a row that nothing carries out", () => {
    const more = page.replace("| pending | sending |", "| pending | sending, delivered |")
    expect(stateBreaches(sources, more)).toContain(
      "no statement does it: outbox: pending -> delivered, by src/thread/outbox/outbox.ts: take",
    )
  })
})
