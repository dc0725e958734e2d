/** Clock: where the present comes from. Passed in, so a test can move it; leases alone use the database's own clock. */
export interface Clock {
  now(): Date
  /** Milliseconds since some moment, which run on evenly when the clock is set; those of `now` where a clock has none. */
  ticks?(): number
}

export const systemClock: Clock = { now: () => new Date(), ticks: () => performance.now() }
