/** The floors of `src`, and proof that the check which holds them can fail. */
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { breaches, type Sources } from "./support/floors.ts"

const root = join(import.meta.dirname, "..")

function sources(): Map<string, string> {
  const paths = globSync("src/**/*.{ts,js}", { cwd: root })
  return new Map(paths.map((path) => [path.replaceAll("\\", "/"), readFileSync(join(root, path), "utf8")]))
}

function only(files: Record<string, string>): Sources {
  return new Map(Object.entries(files))
}

test("every room imports lower floors only, and what belongs to one place stays there", () => {
  expect(breaches(sources())).toEqual([])
})

test("an upward import planted in the real sources is found", () => {
  const planted = sources()
  planted.set("src/db/db.ts", `${planted.get("src/db/db.ts")}\nimport type { Turn } from "../agent/turn/turn.ts"\n`)
  expect(breaches(planted)).toContain("src/db/db.ts (floor 1) imports src/agent/turn/turn.ts (floor 7)")
})

test("an import against the order of the wings, planted in the real sources, is found", () => {
  const planted = sources()
  const path = "src/thread/people/people.ts"
  planted.set(path, `${planted.get(path)}\nimport type { Outbox } from "../outbox/outbox.ts"\n`)
  expect(breaches(planted)).toContain(
    `${path} (wing people) imports src/thread/outbox/outbox.ts (wing outbox), which is not below it`,
  )
})

describe("the check finds", () => {
  test.each([
    ["a named import", 'import { send } from "../agent/turn/turn.ts"'],
    ["an import over several lines", 'import {\n  send,\n  receive,\n} from "../agent/turn/turn.ts"'],
    ["a type import", 'import type { Turn } from "../agent/turn/turn.ts"'],
    ["a side-effect import", 'import "../agent/turn/turn.ts"'],
    ["a dynamic import", 'const turn = await import("../agent/turn/turn.ts")'],
    ["a type taken through import()", 'type Turn = import("../agent/turn/turn.ts").Turn'],
    ["a re-export", 'export { send } from "../agent/turn/turn.ts"'],
    ["an import behind a string that looks like a comment", 'const at = "https://x"; import "../agent/turn/turn.ts"'],
  ])("%s of a higher floor", (_form, code) => {
    expect(breaches(only({ "src/memory/recall.ts": code }))).toEqual([
      "src/memory/recall.ts (floor 4) imports src/agent/turn/turn.ts (floor 7)",
    ])
  })

  test("a room beside it", () => {
    const found = breaches(only({ "src/memory/recall.ts": 'import { a } from "../policy/verdict.ts"' }))
    expect(found).toEqual(["src/memory/recall.ts (floor 4) imports src/policy/verdict.ts (floor 4)"])
  })

  test("an import of the app from an edge, and of anything outside src", () => {
    const code = 'import { a } from "../app/app.ts"\nimport { b } from "../../test/support/floors.ts"'
    expect(breaches(only({ "src/http/server.ts": code }))).toEqual([
      "src/http/server.ts (floor 9) imports src/app/app.ts (floor 10)",
      "src/http/server.ts imports test/support/floors.ts, which is in no known room",
    ])
  })

  test.each([
    [
      "a higher wing",
      "src/agent/durable/steps.ts",
      '"../turn/turn.ts"',
      "wing durable",
      "src/agent/turn/turn.ts (wing turn)",
    ],
    [
      "a wing beside it",
      "src/agent/turn/loop.ts",
      '"../commands/stop.ts"',
      "wing turn",
      "src/agent/commands/stop.ts (wing commands)",
    ],
    ["the files beside the wings", "src/http/errors.ts", '"./api/api.ts"', "wing .", "src/http/api/api.ts (wing api)"],
    [
      "a file that has a floor of its own",
      "src/channels/parts.ts",
      '"./open.ts"',
      "wing .",
      "src/channels/open.ts (wing open.ts)",
    ],
  ])("an import of %s", (_what, path, specifier, from, to) => {
    expect(breaches(only({ [path]: `import { a } from ${specifier}` }))).toEqual([
      `${path} (${from}) imports ${to}, which is not below it`,
    ])
  })

  test("a folder that is no wing of its room", () => {
    expect(breaches(only({ "src/agent/misc/x.ts": "" }))).toEqual([
      "src/agent/misc/x.ts is in no known wing; add it to the wings or move it",
    ])
  })

  test("thirteen files in a room, and not twelve", () => {
    const files = (count: number) =>
      only(Object.fromEntries(Array.from({ length: count }, (_, at) => [`src/memory/m${at}.ts`, ""])))
    expect(breaches(files(12))).toEqual([])
    expect(breaches(files(13))).toEqual(["src/memory has 13 files beside its wings; 12 are the most: make a wing"])
  })

  test("a cycle inside a room, type imports included", () => {
    const found = breaches(
      only({ "src/memory/a.ts": 'import type { B } from "./b.ts"', "src/memory/b.ts": 'import { a } from "./a.ts"' }),
    )
    expect(found).toEqual(["cycle: src/memory/a.ts -> src/memory/b.ts -> src/memory/a.ts"])
  })

  test("a folder that is no room", () => {
    expect(breaches(only({ "src/utils/x.ts": "" }))).toEqual([
      "src/utils/x.ts is in no known room; add it to the floors or move it",
    ])
  })

  test("a file of 301 lines, and not one of 300", () => {
    const found = breaches(only({ "src/db/long.ts": "x\n".repeat(301), "src/db/full.ts": "x\n".repeat(300) }))
    expect(found).toEqual(["src/db/long.ts has 301 lines; 300 is the most"])
  })

  test.each(["process.env.HOME", 'process["env"]', "const { env } = process", 'import { env } from "node:process"'])(
    "%s outside config",
    (code) => {
      expect(breaches(only({ "src/tools/web.ts": code }))).toEqual([
        "src/tools/web.ts reads process.env; take the value from config",
      ])
    },
  )

  test.each([
    ["answers", "src/channels/email/parse.ts", 'import { readAnswer } from "../../thread/approvals/answer-text.ts"'],
    ["words", "src/agent/commands/commands.ts", 'import { readWords } from "../../thread/inbox/meaning.ts"'],
    ["commands", "src/channels/telegram/parse.ts", "const name = /^\\/([a-z]\\w*)/i.exec(text)"],
    ["commands", "src/thread/inbox/intake.ts", "const isCommand = /^\\/\\w+/.test(text)"],
    ["commands", "src/http/api/talk.ts", 'const isCommand = said.text.trim().startsWith("/")'],
    ["keywords", "src/channels/sms/parse.ts", 'const stops = ["STOP", "UNSUBSCRIBE"]'],
  ])("a second place that reads %s for their meaning", (what, path, code) => {
    const planted = sources()
    planted.set(path, `${planted.get(path)}\n${code}\n`)
    expect(breaches(planted)).toContain(
      `${path} reads ${what} for their meaning; src/thread/inbox/meaning.ts has read them`,
    )
  })

  test("a journal cursor in other hands than the steps'", () => {
    const path = "src/agent/durable/recover.ts"
    expect(breaches(only({ [path]: 'import type { JournalCursor } from "./journal-cursor.ts"' }))).toContain(
      `${path} holds a journal cursor; take a step from src/agent/durable/steps.ts`,
    )
  })

  test("a job sent past the queue", () => {
    expect(breaches(only({ "src/thread/inbox/inbox.ts": 'await pgBoss.send("turn", {})' }))).toEqual([
      "src/thread/inbox/inbox.ts sends a job past src/queue; use queue.send(tx, ...)",
    ])
  })

  test("a dynamic import whose name is computed", () => {
    expect(breaches(only({ "src/tools/web.ts": "await import(name)" }))).toEqual([
      "src/tools/web.ts imports a computed name, which no check can follow",
    ])
  })
})

test("a lower floor, a comment and the environment in its own place are fine", () => {
  const found = breaches(
    only({
      "src/thread/inbox/inbox.ts": 'import { queue } from "../queue/queue.ts" // not import "../agent/turn/turn.ts"\n',
      "src/config/config.ts": "export const port = (env = process.env) => env.PORT",
      "src/main.ts": 'import { createApp } from "./app/app.ts"\ncreateApp(process.env)',
      "src/queue/queue.ts": "/* process.env, import('../app.ts') */ await boss.send(name)",
    }),
  )
  expect(found).toEqual([])
})
