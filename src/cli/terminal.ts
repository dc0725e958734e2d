/**
 * Terminal: where the command line writes. stdout is data, stderr is for people; with `--json` stdout holds one document
 * and nothing else. Text that came from elsewhere never moves the cursor: control characters are taken out of it.
 */
import { stripVTControlCharacters, styleText } from "node:util"
import type { Environment } from "../config/config.ts"

export interface TerminalStreams {
  stdin: NodeJS.ReadStream
  stdout: NodeJS.WriteStream
  stderr: NodeJS.WriteStream
}

type Style = "bold" | "dim" | "red" | "green" | "yellow"

export interface Terminal extends TerminalStreams {
  /** `--json` was given. */
  readonly json: boolean
  /** A line of data on stdout. */
  print(line: string): void
  /** The one document of `--json`. */
  document(value: unknown): void
  /** A line for people on stderr. */
  say(line: string): void
  /** Colours `text` when stdout shows colours: a terminal, without NO_COLOR. */
  paint(style: Style, text: string): string
}

/** @param env `NO_COLOR` (no-color.org) and `TERM=dumb` are respected, whatever else wishes for colour. */
export function createTerminal(streams: TerminalStreams, { json, env }: { json: boolean; env: Environment }): Terminal {
  const { stdout, stderr } = streams
  const isColoured = stdout.isTTY === true && !env.NO_COLOR && env.TERM !== "dumb"
  return {
    ...streams,
    json,
    print: (line) => void stdout.write(`${line}\n`),
    document: (value) => void stdout.write(`${JSON.stringify(value, null, 2)}\n`),
    say: (line) => void stderr.write(`${line}\n`),
    paint: (style, text) => (isColoured ? styleText(style, text, { validateStream: false }) : text),
  }
}

/** Text of others made safe to show: no escape sequences, no control characters but tab and line feed, no turned text. */
export function plain(text: string): string {
  return stripVTControlCharacters(text).replaceAll(/(?![\t\n])[\p{Cc}\p{Bidi_Control}]/gu, "")
}

/** Plain text on one line of at most `width` characters; what is cut off is marked. */
export function short(text: string, width: number): string {
  const line = plain(text).replaceAll(/\s+/g, " ").trim()
  return line.length <= width ? line : `${line.slice(0, Math.max(width - 3, 0))}...`
}

export interface TableColumn<Row> {
  title: string
  cell: (row: Row) => string
  /** Longest cell shown; 60 when not given. */
  width?: number
  right?: boolean
}

/** Rows as aligned lines under their titles, which only a terminal gets painted. */
export function table<Row>(terminal: Terminal, rows: readonly Row[], columns: readonly TableColumn<Row>[]): void {
  const cells = rows.map((row) => columns.map((column) => short(column.cell(row), column.width ?? 60)))
  const widths = columns.map((column, i) => Math.max(column.title.length, ...cells.map((line) => line[i]?.length ?? 0)))
  const aligned = (line: readonly string[]) =>
    line
      .map((cell, i) => (columns[i]?.right ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join("  ")
      .trimEnd()
  terminal.print(terminal.paint("dim", aligned(columns.map((column) => column.title))))
  for (const line of cells) terminal.print(aligned(line))
}
