/**
 * Report: what a run measured as `bench.json`, and the page that is made from it, `BENCH.md`: each row with its goal and whether
 * it was met, on a named machine at a named commit.
 */
import { execFileSync } from "node:child_process"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { availableParallelism, cpus, loadavg, totalmem } from "node:os"
import { z } from "zod"

const rowSchema = z.object({
  what: z.string(),
  figure: z.string(),
  /** Against a baseline of the same run. */
  ratio: z.string().optional(),
  goal: z.string(),
  /** Null: not measured, and `figure` says why. */
  isMet: z.boolean().nullable(),
  /** Where it is another run than the report's. */
  when: z.string().optional(),
})
export type Row = z.infer<typeof rowSchema>

const tableSchema = z.object({
  title: z.string(),
  head: z.array(z.string()),
  lines: z.array(z.array(z.string())),
  note: z.string().optional(),
})
export type Table = z.infer<typeof tableSchema>

const measuredSchema = z.object({ when: z.string(), rows: z.array(rowSchema), tables: z.array(tableSchema) })
/** What a run measured. */
export type Measurements = z.infer<typeof measuredSchema>

/** Where and when a run took place. */
export function circumstances(): string {
  const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim()
  const isDirty = execFileSync("git", ["status", "--porcelain"], { encoding: "utf8" }).trim() !== ""
  const machine = `${availableParallelism()} cores, ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GB`
  const load = loadavg()[0]?.toFixed(1)
  return `${new Date().toISOString().slice(0, 16)}Z, commit ${commit}${isDirty ? " with changes" : ""}, Node ${process.version}, ${machine}, load ${load} at the start`
}

const WORDS = new Map<boolean | null, string>([
  [true, "met"],
  [false, "**missed**"],
  [null, "not measured"],
])

export function goalsTable(rows: Row[]): Table {
  return {
    title: "Goals",
    head: ["what", "goal", "figure", "beside a baseline of the same run", ""],
    lines: rows.map(({ what, goal, figure, ratio = "", isMet, when }) => [
      when === undefined ? what : `${what} (${when})`,
      goal,
      figure,
      ratio,
      WORDS.get(isMet) ?? "",
    ]),
  }
}

/** `BENCH.md`. */
export function benchPage(measured: Measurements): string {
  const intro = `# Benchmarks\n\nWritten by \`npm run bench\`: ${measured.when}.`
  return markdown(intro, [goalsTable(measured.rows), ...measured.tables])
}

/** What `bench.json` holds; null when there is none. */
export function readBench(file: string): Measurements | null {
  return readJson(file, measuredSchema)
}

/** Null when there is no such file. */
export function readJson<T>(file: string, schema: z.ZodType<T>): T | null {
  return existsSync(file) ? schema.parse(JSON.parse(readFileSync(file, "utf8"))) : null
}

export function writeJson(file: string, data: object): void {
  writeFileSync(file, `${JSON.stringify(data, null, 2)}\n`)
}

/** The newer ones in the place of the older ones, each row with its own date. */
export function merged(older: Measurements, newer: Measurements): Measurements {
  const rows = newer.rows.map((row) => ({ ...row, when: newer.when }))
  return {
    when: older.when,
    rows: inPlace(older.rows, rows, ({ what }) => what),
    tables: inPlace(older.tables, newer.tables, ({ title }) => title),
  }
}

function inPlace<T>(older: T[], newer: T[], nameOf: (one: T) => string): T[] {
  const byName = new Map(newer.map((one) => [nameOf(one), one]))
  const names = new Set(older.map(nameOf))
  return [...older.map((one) => byName.get(nameOf(one)) ?? one), ...newer.filter((one) => !names.has(nameOf(one)))]
}

/** GitHub's Markdown. */
export function markdown(intro: string, tables: Table[]): string {
  const cell = (text: string) => text.replaceAll("|", "\\|").replaceAll("\n", " ")
  const line = (cells: string[]) => `| ${cells.map(cell).join(" | ")} |`
  const parts = tables.map(({ title, head, lines, note }) =>
    [
      `## ${title}`,
      "",
      ...(note ? [note, ""] : []),
      line(head),
      `|${"---|".repeat(head.length)}`,
      ...lines.map(line),
    ].join("\n"),
  )
  return `${intro}\n\n${parts.join("\n\n")}\n`
}

/** For a terminal. */
export function plain({ title, head, lines }: Table): string {
  const widths = head.map((name, column) => Math.max(name.length, ...lines.map((cells) => cells[column]?.length ?? 0)))
  const line = (cells: string[]) =>
    cells
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd()
  return [title, line(head), ...lines.map(line)].join("\n")
}
