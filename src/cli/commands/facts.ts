/** Facts: any document as text: one line a value, one table a list. For what has no page of its own in the terminal. */

import { plain, type TableColumn, type Terminal, table } from "../terminal.ts"
import { dollars, when } from "./figures.ts"

type Row = Record<string, unknown>

export function printFacts(terminal: Terminal, facts: Row, indent = ""): void {
  const width = Math.max(0, ...Object.keys(facts).map((name) => name.length))
  for (const [name, value] of Object.entries(facts)) {
    const title = (columns: number) => indent + terminal.paint("dim", plain(name).padEnd(columns))
    const rows = Array.isArray(value) ? value.filter(isRow) : []
    if (isRow(value)) {
      terminal.print(title(0))
      printFacts(terminal, value, `${indent}  `)
    } else if (rows.length > 0) {
      terminal.print(title(0))
      table(terminal, rows, columnsOf(rows))
    } else terminal.print(`${title(width)}  ${factOf(name, value)}`)
  }
}

function columnsOf(rows: Row[]): TableColumn<Row>[] {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  return names.map((name) => ({ title: name, cell: (row) => factOf(name, row[name]) }))
}

function factOf(name: string, value: unknown): string {
  if (value === null || value === undefined) return "-"
  if (typeof value === "number") return /usd$|cost/i.test(name) ? dollars(value) : String(value)
  if (typeof value === "string") return /At$/.test(name) ? when(value) : plain(value)
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return plain(value.join(", ")) || "-"
  return plain(JSON.stringify(value))
}

function isRow(value: unknown): value is Row {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}
