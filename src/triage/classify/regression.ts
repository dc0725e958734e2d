/**
 * Regression: multinomial logistic regression over sparse rows, fitted by accelerated gradient descent (Nesterov, with the
 * step rule of FISTA). It is deterministic: the same rows always give the same weights.
 */

/** A sparse row: numbers of its columns, and the value of each. */
export interface Row {
  at: Int32Array
  value: Float64Array
}

export interface Fitting {
  rows: Row[]
  /** Class of each row, from 0. */
  classes: number[]
  classCount: number
  columnCount: number
  /** Inverse of the regularisation, as `C` in scikit-learn: a larger number trusts the rows more. */
  trust: number
}

/** The probability of each class for a row. */
export type Predict = (row: Row) => number[]

/** Few on purpose: an early stop also prevents too much trust in a few decisions. */
const STEPS = 60

export function fitRegression({ rows, classes, classCount, columnCount, trust }: Fitting): Predict {
  const size = classCount * columnCount
  const decay = 1 / (trust * rows.length)
  // The second derivative of one row's loss is at most half of the row's squared length, so this step size never overshoots.
  const longest = Math.max(...rows.map(({ value }) => value.reduce((sum, v) => sum + v * v, 0)))
  const pace = 1 / (0.5 * longest + decay)
  let weights = new Float64Array(size)
  const ahead = weights.slice()
  let momentum = 1
  for (let step = 0; step < STEPS; step++) {
    const slope = gradient(ahead, { rows, classes, classCount, columnCount })
    const next = new Float64Array(size)
    const grown = (1 + Math.sqrt(1 + 4 * momentum * momentum)) / 2
    const push = (momentum - 1) / grown
    for (let i = 0; i < size; i++) {
      const here = ahead[i] ?? 0
      const moved = here - pace * ((slope[i] ?? 0) + decay * here)
      next[i] = moved
      ahead[i] = moved + push * (moved - (weights[i] ?? 0))
    }
    weights = next
    momentum = grown
  }
  return (row) => softmax(scores(weights, row, classCount))
}

function gradient(
  weights: Float64Array,
  { rows, classes, classCount, columnCount }: Omit<Fitting, "trust">,
): Float64Array {
  const slope = new Float64Array(classCount * columnCount)
  rows.forEach((row, index) => {
    const shares = softmax(scores(weights, row, classCount))
    row.at.forEach((column, k) => {
      const value = (row.value[k] ?? 0) / rows.length
      for (let c = 0; c < classCount; c++) {
        const at = column * classCount + c
        slope[at] = (slope[at] ?? 0) + value * ((shares[c] ?? 0) - (classes[index] === c ? 1 : 0))
      }
    })
  })
  return slope
}

function scores(weights: Float64Array, { at, value }: Row, classCount: number): number[] {
  const sums = new Array<number>(classCount).fill(0)
  for (let k = 0; k < at.length; k++) {
    const column = at[k] ?? 0
    for (let c = 0; c < classCount; c++)
      sums[c] = (sums[c] ?? 0) + (value[k] ?? 0) * (weights[column * classCount + c] ?? 0)
  }
  return sums
}

export function softmax(values: number[]): number[] {
  const top = Math.max(...values)
  const raised = values.map((value) => Math.exp(value - top))
  const sum = raised.reduce((a, b) => a + b, 0)
  return raised.map((value) => value / sum)
}
