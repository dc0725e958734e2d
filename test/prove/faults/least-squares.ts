/** Least squares: the straight line through points by least squares, with the interval in which its slope lies 19 times of 20. */

export interface Line {
  slope: number
  /** Half of the 95 % confidence interval of the slope. */
  plusMinus: number
}

/** Student's t for 95 %, two-sided (NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2), by degrees of freedom. */
const T = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131]
const T_30 = 2.042

/** Needs three points at least. */
export function leastSquares(points: readonly { x: number; y: number }[]): Line {
  const n = points.length
  const meanX = points.reduce((sum, { x }) => sum + x, 0) / n
  const meanY = points.reduce((sum, { y }) => sum + y, 0) / n
  const spread = points.reduce((sum, { x }) => sum + (x - meanX) ** 2, 0)
  const slope = points.reduce((sum, { x, y }) => sum + (x - meanX) * (y - meanY), 0) / spread
  const rest = points.reduce((sum, { x, y }) => sum + (y - meanY - slope * (x - meanX)) ** 2, 0)
  return { slope, plusMinus: studentT(n - 2) * Math.sqrt(rest / (n - 2) / spread) }
}

function studentT(freedom: number): number {
  return freedom < 30 ? (T[Math.min(freedom, T.length) - 1] ?? Number.NaN) : T_30
}
