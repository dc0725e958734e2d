/**
 * Timeline: maps wall-clock times to instants, in ascending order and without loss. A wall time is a number of milliseconds,
 * as if the zone were UTC. Between two changes of the offset the mapping is a subtraction. At a change:
 * - a time that the clock skips in spring happens later by the gap (02:30 runs at 03:30), like Temporal's "compatible";
 * - a time that comes twice in autumn happens once, the first time;
 * - a pattern that runs every hour (`everyHour`) follows real time: it runs in both rounds of a repeated hour, and not for
 *   a skipped one.
 */
import { zoned } from "./zone.ts"

export interface WallPattern {
  /** The wall times at or after `wall`, ascending; ends only when the pattern has no more. */
  from(wall: number): Iterable<number>
  /** Whether the pattern runs in every hour of the day. */
  everyHour: boolean
}

/**
 * A stretch of time with one offset, `[start, end)` in epoch milliseconds; `before` is the offset of the stretch before
 * it.
 */
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

/** The instants of the wall times that the clock skipped at the start of a stretch. */
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
  // "previous" means strictly before, and a change exactly at `instant` starts this stretch; hence one millisecond later.
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
