/** How well the kind of an issue is found without a model, measured on the NLBSE'24 issues when they are at hand. */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { z } from "zod"
import { type Example, train } from "../../src/triage/classifier.ts"
import { best, type Kind } from "../../src/triage/kind.ts"

const PATH = join(import.meta.dirname, "../../../shared/data/nlbse24-train.csv")
const isThere = existsSync(PATH)
const FOLDS = 10

interface Issue extends Example {
  repo: string
  createdAt: string
}
interface Found {
  kind: Kind
  got: Kind
  sure: number
}

if (!isThere) process.stdout.write("nlbse.test.ts is skipped: ../shared/data/nlbse24-train.csv is not here\n")

test.skipIf(!isThere)(
  "per repository, from nine tenths of its decisions, the rest is found as well as promised",
  () => {
    const found = repositories().flatMap((issues) => {
      const parts = ofEachKind(issues).map((kind) => kind.map((issue, at) => ({ issue, part: at % FOLDS })))
      const all = parts.flat()
      return Array.from({ length: FOLDS }, (_, fold) => {
        const past = all.filter(({ part }) => part !== fold).map(({ issue }) => issue)
        return judge(
          past,
          all.filter(({ part }) => part === fold).map(({ issue }) => issue),
        )
      }).flat()
    })
    const figures = report(`${FOLDS} folds, 270 decisions each`, found)
    expect(figures.f1).toBeGreaterThanOrEqual(0.76)
    expect(figures.at20).toBeGreaterThanOrEqual(0.95)
    expect(figures.at50).toBeGreaterThanOrEqual(0.89)
  },
  120_000,
)

test.skipIf(!isThere)(
  "from the older four fifths of a repository's decisions the newest fifth is found",
  () => {
    const found = repositories().flatMap((issues) => {
      const parts = ofEachKind(issues).map((kind) => [kind.slice(0, 80), kind.slice(80)] as const)
      return judge(
        parts.flatMap(([older]) => older),
        parts.flatMap(([, newer]) => newer),
      )
    })
    const figures = report("by time, 240 decisions each", found)
    expect(figures.f1).toBeGreaterThanOrEqual(0.66)
    expect(figures.at20).toBeGreaterThanOrEqual(0.86)
  },
  60_000,
)

function repositories(): Issue[][] {
  const issues = readIssues()
  return [...new Set(issues.map(({ repo }) => repo))].map((repo) => issues.filter((issue) => issue.repo === repo))
}

/** Oldest first within each kind. */
function ofEachKind(issues: Issue[]): Issue[][] {
  const sorted = [...issues].sort((a, b) => (a.createdAt < b.createdAt ? -1 : 1))
  return (["bug", "feature", "question"] as const).map((kind) => sorted.filter((issue) => issue.kind === kind))
}

function judge(past: Issue[], fresh: Issue[]): Found[] {
  const classifier = train(past)
  return fresh.map((issue) => {
    const { kind: got, share } = best(classifier.shares(issue))
    return { kind: issue.kind, got, sure: share }
  })
}

function report(name: string, found: Found[]) {
  const scores = (["bug", "feature", "question"] as const).map((kind) => {
    const right = found.filter((one) => one.kind === kind && one.got === kind).length
    const wrong = found.filter((one) => (one.kind === kind) !== (one.got === kind)).length
    return (2 * right) / (2 * right + wrong)
  })
  const surest = [...found].sort((a, b) => b.sure - a.sure)
  const rightAt = (coverage: number) => {
    const taken = surest.slice(0, Math.round(surest.length * coverage))
    return taken.filter((one) => one.kind === one.got).length / taken.length
  }
  const figures = { f1: scores.reduce((a, b) => a + b) / scores.length, at20: rightAt(0.2), at50: rightAt(0.5) }
  const percent = (share: number) => `${(share * 100).toFixed(1)} %`
  process.stdout.write(
    `issue kinds, ${name}: macro-F1 ${percent(figures.f1)}, right at 20 % coverage ${percent(figures.at20)}, at 50 % ${percent(figures.at50)}\n`,
  )
  return figures
}

const row = z
  .tuple([z.string(), z.string(), z.enum(["bug", "feature", "question"]), z.string(), z.string()])
  .transform(([repo, createdAt, kind, title, body]): Issue => ({ repo, createdAt, kind, title, body }))

/** RFC 4180: quoted fields may hold commas, quotes (doubled) and line breaks. */
function readIssues(): Issue[] {
  const field = /(?:"((?:[^"]|"")*)"|([^,\r\n]*))(,|\r?\n|$)/gy
  const text = readFileSync(PATH, "utf8")
  const rows: string[][] = [[]]
  while (field.lastIndex < text.length) {
    const [, quoted, bare = "", end] = field.exec(text) ?? []
    rows.at(-1)?.push(quoted?.replaceAll('""', '"') ?? bare)
    if (end !== ",") rows.push([])
  }
  return rows
    .slice(1)
    .filter((cells) => cells.length === 5)
    .map((cells) => row.parse(cells))
}
