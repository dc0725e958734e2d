/** Figures: percentiles, and lines that put each figure beside its goal and its baseline. */
export interface Sample {
  p50: number
  p99: number
  n: number
}

export function sampleOf(values: number[]): Sample {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
  return { p50: at(0.5), p99: at(0.99), n: values.length }
}

export interface Row {
  what: string
  figure: string
  /** Against a baseline of the same run. */
  ratio?: string
  goal: string
}

export function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : 1)} ms`
}

export function printRows(rows: Row[]): void {
  const width = (pick: (row: Row) => string) => Math.max(...rows.map((row) => pick(row).length))
  const [a, b, c] = [width((r) => r.what), width((r) => r.figure), width((r) => r.ratio ?? "")]
  for (const { what, figure, ratio = "", goal } of rows) {
    process.stdout.write(`${what.padEnd(a)}  ${figure.padEnd(b)}  ${ratio.padEnd(c)}  goal: ${goal}\n`)
  }
}
