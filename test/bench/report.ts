/** Report: the rows of a run as `BENCH.md`, each with its goal and whether it was met, on a named machine at a named commit. */
import { execFileSync } from "node:child_process"
import { availableParallelism, cpus, loadavg, totalmem } from "node:os"

export interface Row {
  what: string
  figure: string
  /** Against a baseline of the same run. */
  ratio?: string
  goal: string
  /** Null: not measured, and `figure` says why. */
  isMet: boolean | null
}

export interface Table {
  title: string
  head: string[]
  lines: string[][]
  note?: string
}

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
    lines: rows.map(({ what, goal, figure, ratio = "", isMet }) => [what, goal, figure, ratio, WORDS.get(isMet) ?? ""]),
  }
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
