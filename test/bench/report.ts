/** Report: the rows of a run as `BENCH.md`, each with its goal and whether it was met, on a named machine at a named commit. */
import { execFileSync } from "node:child_process"
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
export function benchReport(measured: Measurements): string {
  const intro = `# Benchmarks\n\nWritten by \`npm run bench\`: ${measured.when}.`
  return withData(markdown(intro, [goalsTable(measured.rows), ...measured.tables]), measured)
}

/** What `BENCH.md` was made from; null for a text that is none. */
export function readBench(report: string): Measurements | null {
  const data = dataOf(report)
  return data === undefined ? null : measuredSchema.parse(data)
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

/** At the end of a report, for a later run that replaces some of it. */
const DATA = /<!-- what it was made from\n([\s\S]*)\n-->/

/** A report with what it was made from, which no reader sees. */
export function withData(report: string, data: unknown): string {
  // Two dashes in it could end the comment.
  const text = JSON.stringify(data).replaceAll("--", "\\u002d\\u002d")
  return `${report}\n<!-- what it was made from\n${text}\n-->\n`
}

export function dataOf(report: string): unknown {
  const [, data] = DATA.exec(report) ?? []
  return data === undefined ? undefined : JSON.parse(data)
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
