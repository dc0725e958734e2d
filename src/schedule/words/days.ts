/**
 * Days: the table of the ways to say on which days something repeats. A phrase must match one row as a whole, else it is
 * not understood. A row never guesses a day that the phrase does not name.
 */
import type { Plan } from "./plan.ts"
import type { PhraseProblem } from "./problem.ts"

/** The part of a plan that says on which days it runs. */
type Days = Pick<Plan, "unit" | "interval" | "weekdays" | "days" | "month" | "nth">

const DAY =
  "(?:mon(?:day)?|tue(?:s(?:day)?)?|wed(?:nesday)?|thu(?:r(?:s(?:day)?)?)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)s?"
const LIST = `${DAY}(?:(?:, and | and |, | & | )${DAY})*`
const MONTH = "(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
const DATE = String.raw`(\d{1,2})(?:st|nd|rd|th)?`
const DATES = String.raw`\d{1,2}(?:st|nd|rd|th)?(?:(?:, and | and |, | & )(?:the )?\d{1,2}(?:st|nd|rd|th)?)*`
const NTH = "(first|1st|second|2nd|third|3rd|fourth|4th|last)"
const EACH = "(?:(?:on )?(?:every|each) |on )?"
const WEEKDAY_NAMES = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
const MONTH_NAMES = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
/** The days that each month has in every year. */
const LONGEST = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
const ORDINALS = new Map(
  Object.entries({ first: 1, "1st": 1, second: 2, "2nd": 2, third: 3, "3rd": 3, fourth: 4, "4th": 4, last: -1 }),
)
const WORKDAYS = [1, 2, 3, 4, 5]

type Row = readonly [RegExp, (match: RegExpExecArray) => Days | PhraseProblem]

const TABLE: readonly Row[] = [
  row("(?:(?:every|each)(?: single)? day|everyday|daily)", () => daily(1)),
  row("(?:every (?:other|second|2) days?|alternate days)", () => daily(2)),
  row(String.raw`every (\d+) days`, (m) => daily(Number(m[1]))),
  row(`${EACH}(?:weekday|workday|work day|working day)s?`, () => weekly(WORKDAYS)),
  row(`${EACH}weekends?`, () => weekly([0, 6])),
  row(`${EACH}(${DAY}) ?(?:to|through|thru|-) ?(${DAY})`, (m) => weekly(span(m[1] ?? "", m[2] ?? ""))),
  row(`(?:weekly on |weekly |every week on |${EACH})(${LIST})`, (m) => weekly(weekdaysIn(m[1] ?? ""))),
  row(`every (?:other|second) (${LIST})`, (m) => weekly(weekdaysIn(m[1] ?? ""), 2)),
  row(`(?:every (?:other|second|2) weeks?|fortnightly|every fortnight) on (${LIST})`, (m) =>
    weekly(weekdaysIn(m[1] ?? ""), 2),
  ),
  row(String.raw`every (\d+) weeks on (${LIST})`, (m) => weekly(weekdaysIn(m[2] ?? ""), Number(m[1]))),
  row(`${EACH}(?:the )?(first|last) day (?:of|in) (?:the|each|every) month`, (m) =>
    monthly([m[1] === "last" ? -1 : 1]),
  ),
  row(`(?:monthly|every month) on the (first|last) day`, (m) => monthly([m[1] === "last" ? -1 : 1])),
  row(`${EACH}(?:the )?${NTH} (weekday|workday|${DAY}) (?:of|in) (?:the|each|every) month`, (m) => nth(m[1], m[2])),
  row(`(?:monthly|every month) on the ${NTH} (weekday|workday|${DAY})`, (m) => nth(m[1], m[2])),
  row(`${EACH}(?:the )?(${DATES})(?: day)? (?:of|in) (?:the|each|every) month`, (m) => monthly(datesIn(m[1] ?? ""))),
  row(`(?:monthly|every month) on (?:the )?(${DATES})`, (m) => monthly(datesIn(m[1] ?? ""))),
  row(`(?:every year on |yearly on |annually on |every )${MONTH} (?:the )?${DATE}`, (m) => yearly(m[1], m[2])),
  row(`(?:every year on |yearly on |annually on |every )(?:the )?${DATE} (?:of )?${MONTH}`, (m) => yearly(m[2], m[1])),
  row("weekly|every week|every other week|fortnightly", () =>
    ask('On which day? For example: "weekly on Monday at 9 am".'),
  ),
  row("monthly|every month", () => ask('On which day? For example: "on the 1st of every month at 9 am".')),
  row("yearly|annually|every year", () => ask('On which date? For example: "every year on December 3 at 9 am".')),
]

/** The days that a phrase names, or the problem with them; null when no row matches. */
export function daysOf(phrase: string): Days | PhraseProblem | null {
  for (const [pattern, build] of TABLE) {
    const match = pattern.exec(phrase)
    if (match !== null) return build(match)
  }
  return null
}

const REPEATS = new RegExp(
  [
    String.raw`\b(?:every|each|everyday|daily|hourly|weekly|fortnightly|monthly|yearly|annually|alternate|weekdays|weekends)\b`,
    String.raw`\b(?:mon|tues|wednes|thurs|fri|satur|sun)days\b`,
    String.raw`\b${DAY} ?(?:to|through|thru|-) ?${DAY}\b`,
    String.raw`\b(?:of|in) the month\b(?<!end of the month)`,
  ].join("|"),
)

/** Whether a phrase is about something that repeats, whether or not it is understood. */
export function repeats(phrase: string): boolean {
  return REPEATS.test(phrase)
}

function row(pattern: string, build: Row[1]): Row {
  return [new RegExp(`^(?:${pattern})$`), build]
}

function daily(interval: number): Days | PhraseProblem {
  if (interval < 1 || interval > 366) return ask('Choose between "every day" and "every 366 days".')
  return { unit: "day", interval, weekdays: [], days: [] }
}

function weekly(weekdays: number[], interval = 1): Days | PhraseProblem {
  if (interval < 1 || interval > 52) return ask('Choose between "every week" and "every 52 weeks".')
  if (weekdays.length === 7 && interval === 1) return daily(1)
  return { unit: "week", interval, weekdays: ascending(weekdays), days: [] }
}

function monthly(days: number[]): Days | PhraseProblem {
  if (days.some((day) => day > 28 || day === 0))
    return ask('Not every month has that day. Say a day up to the 28th, or "the last day of every month".')
  return { unit: "month", interval: 1, weekdays: [], days: ascending(days) }
}

function yearly(month = "", date = ""): Days | PhraseProblem {
  const index = MONTH_NAMES.indexOf(month)
  const day = Number(date)
  if (day < 1 || day > (LONGEST[index] ?? 0))
    return ask(`There is no ${month} ${date} in every year. Choose another date.`)
  return { unit: "year", interval: 1, weekdays: [], days: [day], month: index + 1 }
}

function nth(word = "", day = ""): Days {
  const weekday = /^w(?:eekday|orkday)/.test(day) ? "any" : weekdayOf(day)
  return { unit: "month", interval: 1, weekdays: [], days: [], nth: { n: ORDINALS.get(word) ?? -1, weekday } }
}

function weekdayOf(word: string): number {
  return WEEKDAY_NAMES.indexOf(word.slice(0, 3))
}

function weekdaysIn(list: string): number[] {
  return (list.match(new RegExp(DAY, "g")) ?? []).map(weekdayOf)
}

/** The weekdays of a range. "friday to monday" includes the weekend. */
function span(from: string, to: string): number[] {
  const first = weekdayOf(from)
  const length = (weekdayOf(to) - first + 7) % 7
  return Array.from({ length: length + 1 }, (_, index) => (first + index) % 7)
}

function datesIn(list: string): number[] {
  return (list.match(/\d+/g) ?? []).map(Number)
}

function ascending(values: number[]): number[] {
  return [...new Set(values)].sort((a, b) => a - b)
}

function ask(problem: string): PhraseProblem {
  return { problem }
}
