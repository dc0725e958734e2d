/**
 * Timeline: puts wall-clock times on the real line of instants, in order and without loss. A wall time is written
 * as milliseconds as if the zone were UTC. Between two changes of offset the mapping is a subtraction; at a change:
 * - a time skipped in spring happens shifted by the gap (02:30 runs at 03:30), as Temporal's "compatible" says;
 * - a time repeated in autumn happens once, the first time round;
 * - a pattern that runs every hour (`everyHour`) follows real time: both rounds of a repeated hour, no skipped one.
 */
import { zoned } from "./zone.ts"

export interface WallPattern {
  /** Wall times at or after `wall`, ascending; ends only when the pattern has none left. */
  from(wall: number): Iterable<number>
  everyHour: boolean
}

/** A stretch of constant offset, `[start, end)` in epoch milliseconds; `before` is the offset that it replaced. */
interface Stretch {
  start: number
  end: number
  offset: number
  before: number
}

/** The instants (epoch milliseconds) of `pattern` in `zone` strictly after `after`, ascending, without repeats. */
export function* placed(pattern: WallPattern, after: number, zone: string): Generator<number, void> {
  let stretch = stretchAt(after + 1, zone)
  let last = after
  for (;;) {
    let open = false
    for (const instant of inStretch(pattern, stretch, after)) {
      if (instant === "more") open = true
      else if (instant > last) {
        last = instant
        yield instant
      }
    }
    if (!open) return
    stretch = stretchAt(stretch.end, zone)
  }
}

/** The instants in one stretch; the last item is "more" when the pattern goes on after it. */
function* inStretch(pattern: WallPattern, at: Stretch, after: number): Generator<number | "more", void> {
  const gap = at.offset - at.before
  const shifted = pattern.everyHour || gap <= 0 ? [] : skipped(pattern, at)
  const repeatedUntil = !pattern.everyHour && gap < 0 ? at.start + at.before : Number.NEGATIVE_INFINITY
  const first = Math.max(after + 1, at.start) + at.offset
  for (const wall of pattern.from(Math.max(first, repeatedUntil))) {
    const instant = wall - at.offset
    while (shifted[0] !== undefined && shifted[0] <= instant) yield shifted.shift() ?? instant
    if (instant >= at.end) {
      yield "more"
      return
    }
    yield instant
  }
  yield* shifted
}

/** Instants of the wall times that the clock jumped over at the start of a stretch. */
function skipped(pattern: WallPattern, at: Stretch): number[] {
  const instants: number[] = []
  for (const wall of pattern.from(at.start + at.before)) {
    if (wall >= at.start + at.offset) break
    instants.push(wall - at.before)
  }
  return instants
}

function stretchAt(instant: number, zone: string): Stretch {
  const here = zoned(instant, zone)
  // "previous" is strictly before, and a change exactly at `instant` already belongs to this stretch.
  const start = zoned(instant + 1, zone).getTimeZoneTransition("previous")
  const end = here.getTimeZoneTransition("next")
  const offset = here.offsetNanoseconds / 1e6
  return {
    start: start?.epochMilliseconds ?? Number.NEGATIVE_INFINITY,
    end: end?.epochMilliseconds ?? Number.POSITIVE_INFINITY,
    offset,
    before: start === null ? offset : start.subtract({ nanoseconds: 1 }).offsetNanoseconds / 1e6,
  }
}
