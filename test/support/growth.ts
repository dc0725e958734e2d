/**
 * Growth: whether work grows in proportion to its size, told by ratio within one run and in processor time, which the others on
 * a busy machine do not add to.
 */

const TRIES = 2
const TIMES = 4
/** The system's clock for it ticks every few milliseconds. */
const LEAST_MS = 40

/**
 * How many times as long `work` takes for four times the size: about 4 when it grows in proportion, 16 with the square. The
 * least of two tries each, since collected garbage only adds.
 * @param size to begin with; doubled until the work takes long enough to be compared
 */
export function growth(work: (size: number) => void, size: number): number {
  const small = least(work, size)
  return small < LEAST_MS ? growth(work, size * 2) : least(work, size * TIMES) / small
}

function least(work: (size: number) => void, size: number): number {
  return Math.min(...Array.from({ length: TRIES }, () => took(work, size)))
}

/** Milliseconds of this thread. */
function took(work: (size: number) => void, size: number): number {
  const before = process.threadCpuUsage()
  work(size)
  const { user, system } = process.threadCpuUsage(before)
  return (user + system) / 1000
}
