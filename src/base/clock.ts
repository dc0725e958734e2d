/** Clock: the present time. It is passed in, so that a test can move it. Only leases use the database's clock instead. */
export interface Clock {
  now(): Date
  /** Milliseconds since an arbitrary moment, which go on evenly when the clock is set. Where absent, `now` is used. */
  ticks?(): number
}

export const systemClock: Clock = { now: () => new Date(), ticks: () => performance.now() }
