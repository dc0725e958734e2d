/**
 * Zone: the names of time zones, and moments and days as people read them. An unknown zone is null and never silently UTC,
 * because a reminder would then come at a wrong hour. A day runs from its first instant to the first instant of the next
 * day, whether it has 23, 24 or 25 hours.
 */
import { PLACES } from "./places.ts"

/**
 * Written out here, because `toLocaleString` makes a formatter for each call, which took a twentieth of the time of a
 * turn.
 */
const DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

const known = lazily(() => {
  const names = new Map<string, string>([["utc", "UTC"]])
  for (const name of Intl.supportedValuesOf("timeZone")) {
    const city = name.split("/").at(-1) ?? name
    names.set(name.toLowerCase(), name)
    if (name.includes("/")) names.set(plain(city), name)
  }
  for (const [zone, places] of Object.entries(PLACES))
    for (const place of [...places, zone.toLowerCase(), plain(zone.split("/").at(-1) ?? zone)]) names.set(place, zone)
  return names
})

/**
 * The IANA zone that `text` means: an IANA name in any letter case, a city, a country with one zone, or a common
 * abbreviation ("PST" is Los Angeles, with its summer time). Null when the text is unknown or means several zones.
 * A bare offset ("+02:00") also gives null, because it would lose summer time.
 */
export function zoneOf(text: string): string | null {
  const wanted = text.trim().toLowerCase()
  const name = known().get(wanted) ?? known().get(plain(wanted))
  if (name !== undefined) return name
  if (!/^[a-z]+\/[a-z0-9_+/-]+$/.test(wanted)) return null
  return canonical(wanted)
}

/** The name of a zone in a sentence: "New York time", "UTC". */
export function zoneLabel(zone: string): string {
  if (!zone.includes("/")) return zone
  return `${(zone.split("/").at(-1) ?? zone).replaceAll("_", " ")} time`
}

/** A moment as the person in `zone` reads it: "Mon 24 Nov, 8:00 AM". */
export function localTime(date: Date, zone: string): string {
  const at = zoned(date.getTime(), zone)
  return `${dayText(at)}, ${clockText(at)}`
}

/** A calendar day in short: "Mon 24 Nov". */
export function dayText(date: { dayOfWeek: number; day: number; month: number }): string {
  return `${DAYS[date.dayOfWeek - 1]} ${date.day} ${MONTHS[date.month - 1]}`
}

/** The calendar day of a moment in `zone`: "2026-11-22". */
export function localDay(date: Date, zone: string): string {
  return zoned(date.getTime(), zone).toPlainDate().toString()
}

/** The bounds of a local day ("2026-11-22"): `from` is its first instant, `to` is the first instant of the next day. */
export function dayBounds(day: string, zone: string): { from: Date; to: Date } {
  const date = Temporal.PlainDate.from(day)
  const start = (on: Temporal.PlainDate) => new Date(on.toZonedDateTime(zone).epochMilliseconds)
  return { from: start(date), to: start(date.add({ days: 1 })) }
}

/** A time of day in words: "8:00 AM". */
export function clockText(time: { hour: number; minute: number }): string {
  const hour = time.hour % 12 === 0 ? 12 : time.hour % 12
  return `${hour}:${String(time.minute).padStart(2, "0")} ${time.hour < 12 ? "AM" : "PM"}`
}

/** The moment `ms` milliseconds after the epoch, in `zone`. */
export function zoned(ms: number, zone: string): Temporal.ZonedDateTime {
  return Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(zone)
}

function plain(text: string): string {
  return text.toLowerCase().normalize("NFD").replace(/\p{M}/gu, "").replace(/[_.-]/g, " ").replace(/\s+/g, " ").trim()
}

/**
 * The usual spelling of an IANA name, old names included (Asia/Calcutta beside Asia/Kolkata); null when there is no such
 * zone.
 */
function canonical(name: string): string | null {
  const written = name.replace(
    /(^|[/_-])([a-z])/g,
    (_, before: string, letter: string) => before + letter.toUpperCase(),
  )
  try {
    return zoned(0, written).timeZoneId
  } catch {
    return null
  }
}

function lazily<T>(make: () => T): () => T {
  let made: { value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}
