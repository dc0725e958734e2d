/** The words of the house, and proof that the check which holds them can fail. */
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { breachesOfGlossary, readGlossary } from "./support/glossary.ts"

const root = join(import.meta.dirname, "..")
const page = readFileSync(join(root, "src/README.md"), "utf8")

function sources(): Map<string, string> {
  const paths = globSync(["src/**/*.{ts,js}", "test/**/*.ts"], {
    cwd: root,
    exclude: (path) => path.includes("node_modules") || path.includes("oracles"),
  })
  return new Map(paths.map((path) => [path.replaceAll("\\", "/"), readFileSync(join(root, path), "utf8")]))
}

const planted = (path: string, source: string) => breachesOfGlossary(new Map([[path, source]]), readGlossary(page))

test("no file and no exported name carries a banned word, and no name means two things", () => {
  expect(breachesOfGlossary(sources(), readGlossary(page))).toEqual([])
})

test("the glossary has the words of the house", () => {
  const { words, banned } = readGlossary(page)
  expect([...words]).toEqual(expect.arrayContaining(["approval", "intent", "uncertain delivery", "wing"]))
  expect(banned.get("bell")).toBe("notifier")
})

describe("the check finds", () => {
  test("a name that two files export, and not one that the glossary lists as one thing", () => {
    const two = new Map([
      ["src/cli/session.ts", "export interface Run {}"],
      ["src/thread/runs/trace.ts", "export type Run = string"],
    ])
    expect(breachesOfGlossary(two, readGlossary(page))).toEqual([
      "Run is exported by src/cli/session.ts and src/thread/runs/trace.ts: give each its own name, or list it as one thing",
    ])
    const listed = readGlossary(page.replace("one thing: none.", "one thing: `Run`."))
    expect(breachesOfGlossary(two, listed)).toEqual([])
  })

  test("a banned word in the name of a file", () => {
    expect(planted("src/queue/bell.ts", "")).toEqual([
      'the name of src/queue/bell.ts has the word "bell"; the glossary\'s is "notifier"',
    ])
  })

  test.each([
    ["export async function openWaits() {}", "openWaits", "waits"],
    ["export const MAX_DOUBT = 1", "MAX_DOUBT", "doubt"],
    ["export interface JournalTape {}", "JournalTape", "tape"],
    ["const a = 1\nexport { a as ring }", "ring", "ring"],
  ])("a banned word in %s", (source, name, word) => {
    expect(planted("src/thread/x.ts", source)).toEqual([
      expect.stringContaining(`${name} of src/thread/x.ts has the word "${word}"`),
    ])
  })

  test("a word that the glossary explains twice, or explains and bans", () => {
    const row = (line: string) => page.replace("| wing |", `${line}\n| wing |`)
    expect(() => readGlossary(row("| run | Once more. | |"))).toThrow('explains "run" twice')
    expect(() => readGlossary(row("| stroll | A walk. | run |"))).toThrow('explains and bans "run"')
  })
})

test("a word inside another one is not it", () => {
  expect(planted("src/app/background.ts", "export const remindString = 1")).toEqual([])
})
