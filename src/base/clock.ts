/** Clock: where the present comes from. Passed in, so a test can move it; leases alone use the database's own clock. */
export interface Clock {
  now(): Date
}

export const systemClock: Clock = { now: () => new Date() }
