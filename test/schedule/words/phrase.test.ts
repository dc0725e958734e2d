import fc from "fast-check"
import { expect, test } from "vitest"
import { recurrenceSchema } from "../../../src/schedule/recurrence/recurrence.ts"
import { parseWhen } from "../../../src/schedule/words/phrase.ts"

/** Sunday 22 November 2026, 3:00 PM in New York. */
const here = { now: new Date("2026-11-22T20:00:00Z"), zone: "America/New_York" }

async function ruleOf(phrase: string): Promise<string> {
  const when = await parseWhen(phrase, here)
  if ("problem" in when) return `problem: ${when.problem}`
  const { recurrence } = when
  if (recurrence.kind === "cron") return recurrence.expr
  if (recurrence.kind === "every") return `every ${recurrence.minutes}`
  return recurrence.kind === "rrule" ? recurrence.rule : recurrence.at
}

test.each([
  ["every day at 8", "0 8 * * *"],
  ["Every Day at 9 A.M.", "0 9 * * *"],
  ["everyday at noon", "0 12 * * *"],
  ["daily at midnight", "0 0 * * *"],
  ["every day at 9 o'clock", "0 9 * * *"],
  ["daily at 8, 12 and 5pm", "0 8,12,17 * * *"],
  ["every day at 8 and at 20:00", "0 8,20 * * *"],
  ["every day at 17:00 and 8:30", "FREQ=DAILY;BYHOUR=8,17;BYMINUTE=0,30;BYSETPOS=2,3"],
  ["at half past eight every day", "30 8 * * *"],
  ["8am daily", "0 8 * * *"],
  ["every weekday at 8am", "0 8 * * 1-5"],
  ["weekdays at 8", "0 8 * * 1-5"],
  ["at 8 on weekdays", "0 8 * * 1-5"],
  ["monday to friday at 8", "0 8 * * 1-5"],
  ["mon-fri 8am", "0 8 * * 1-5"],
  ["friday through monday at 8", "0 8 * * 0,1,5,6"],
  ["every weekend at 10", "0 10 * * 0,6"],
  ["weekends at noon", "0 12 * * 0,6"],
  ["every friday at 4:45 pm", "45 16 * * 5"],
  ["fridays at 5", "0 17 * * 5"],
  ["every monday and thursday at 9:30", "30 9 * * 1,4"],
  ["every mon wed fri at 7pm", "0 19 * * 1,3,5"],
  ["every mon, tue, and sun at 06:00", "0 6 * * 0,1,2"],
  ["weekly on monday at 9", "0 9 * * 1"],
  ["every morning", "0 8 * * *"],
  ["every evening at 8", "0 20 * * *"],
  ["every night at 11", "0 23 * * *"],
  ["every night at 12", "0 0 * * *"],
  ["every day at 6 in the morning", "0 6 * * *"],
  ["weekday mornings", "0 8 * * 1-5"],
  ["on monday mornings at 7", "0 7 * * 1"],
  ["every monday and tuesday evening", "0 18 * * 1,2"],
  ["hourly", "0 * * * *"],
  ["every hour", "0 * * * *"],
  ["every 15 minutes", "every 15"],
  ["every fifteen minutes", "every 15"],
  ["every half hour", "every 30"],
  ["every other hour", "every 120"],
  ["every 2 hours", "every 120"],
  ["every minute", "every 1"],
  ["every first monday of the month at 9", "FREQ=MONTHLY;BYDAY=1MO;BYHOUR=9;BYMINUTE=0"],
  ["on the third tuesday of every month at noon", "FREQ=MONTHLY;BYDAY=3TU;BYHOUR=12;BYMINUTE=0"],
  ["monthly on the 2nd wed at 9am", "FREQ=MONTHLY;BYDAY=2WE;BYHOUR=9;BYMINUTE=0"],
  ["on the last friday of every month at 4pm", "FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=16;BYMINUTE=0"],
  ["first weekday of every month at 9", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1;BYHOUR=9;BYMINUTE=0"],
  ["last day of the month at 5pm", "FREQ=MONTHLY;BYMONTHDAY=-1;BYHOUR=17;BYMINUTE=0"],
  ["on the first day of each month at 7am", "0 7 1 * *"],
  ["on the 1st and 15th of every month at 9", "0 9 1,15 * *"],
  ["monthly on the 5th at noon", "0 12 5 * *"],
  ["every year on december 3 at 9", "0 9 3 12 *"],
  ["annually on 3 december at noon", "0 12 3 12 *"],
  ["every other friday at 5pm", "DTSTART:20261127T170000\nRRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=FR;BYHOUR=17;BYMINUTE=0"],
  ["every other sunday at 9am", "DTSTART:20261129T090000\nRRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=SU;BYHOUR=9;BYMINUTE=0"],
  [
    "every other friday starting dec 4 at 5pm",
    "DTSTART:20261204T170000\nRRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=FR;BYHOUR=17;BYMINUTE=0",
  ],
  [
    "every 2 weeks on tuesday at 10",
    "DTSTART:20261124T100000\nRRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=TU;BYHOUR=10;BYMINUTE=0",
  ],
  ["every other day at 16:00", "DTSTART:20261122T160000\nRRULE:FREQ=DAILY;INTERVAL=2;BYHOUR=16;BYMINUTE=0"],
  ["every 3 days at 9", "DTSTART:20261123T090000\nRRULE:FREQ=DAILY;INTERVAL=3;BYHOUR=9;BYMINUTE=0"],
  ["every day at 9 for 5 times", "DTSTART:20261123T090000\nRRULE:FREQ=DAILY;BYHOUR=9;BYMINUTE=0;COUNT=5"],
  ["every day at 8 and 5pm for 3 times", "DTSTART:20261122T170000\nRRULE:FREQ=DAILY;BYHOUR=8,17;BYMINUTE=0;COUNT=3"],
  ["weekdays at 9 until dec 31", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;BYHOUR=9;BYMINUTE=0;UNTIL=20261231T235959"],
])("%j repeats by %j", async (phrase, expected) => {
  expect(await ruleOf(phrase)).toBe(expected)
})

test.each([
  ["in 20 minutes", "2026-11-22T20:20Z"],
  ["in an hour", "2026-11-22T21:00Z"],
  ["in half an hour", "2026-11-22T20:30Z"],
  ["in an hour and a half", "2026-11-22T21:30Z"],
  ["in two hours and thirty minutes", "2026-11-22T22:30Z"],
  ["in twenty-five minutes", "2026-11-22T20:25Z"],
  ["20 minutes from now", "2026-11-22T20:20Z"],
  ["in 3 days", "2026-11-25T20:00Z"],
  ["in 2 weeks at 9", "2026-12-06T14:00Z"],
  ["in a fortnight", "2026-12-06T20:00Z"],
  ["tomorrow at 9", "2026-11-23T14:00Z"],
  ["at 9 tomorrow", "2026-11-23T14:00Z"],
  ["tomorrow at 5", "2026-11-23T22:00Z"],
  ["tomorrow morning", "2026-11-23T13:00Z"],
  ["tomorrow night at 11", "2026-11-24T04:00Z"],
  ["quarter to 7 tomorrow morning", "2026-11-23T11:45Z"],
  ["the day after tomorrow at 9", "2026-11-24T14:00Z"],
  ["at 5pm", "2026-11-22T22:00Z"],
  ["at 2pm", "2026-11-23T19:00Z"],
  ["at 5", "2026-11-22T22:00Z"],
  ["at 8", "2026-11-23T01:00Z"],
  ["at 2", "2026-11-23T19:00Z"],
  ["noon", "2026-11-23T17:00Z"],
  ["midnight", "2026-11-23T05:00Z"],
  ["tonight at 8", "2026-11-23T01:00Z"],
  ["tonight", "2026-11-23T02:00Z"],
  ["tonight at 1", "2026-11-23T06:00Z"],
  ["half past 6", "2026-11-22T23:30Z"],
  ["half past 6 tonight", "2026-11-22T23:30Z"],
  ["this evening", "2026-11-22T23:00Z"],
  ["today at 5", "2026-11-22T22:00Z"],
  ["sunday at 9am", "2026-11-29T14:00Z"],
  ["next friday 5pm", "2026-11-27T22:00Z"],
  ["friday at 9", "2026-11-27T14:00Z"],
  ["friday night at 1", "2026-11-28T06:00Z"],
  ["dec 3 at noon", "2026-12-03T17:00Z"],
  ["3rd of december at 8:15 pm", "2026-12-04T01:15Z"],
  ["dec 25 2027 at 8am", "2027-12-25T13:00Z"],
  ["the 5th at 9", "2026-12-05T14:00Z"],
  ["2026-12-03 09:00", "2026-12-03T14:00Z"],
  ["2026-12-03T09:00", "2026-12-03T14:00Z"],
  ["2026-12-03T09:00:00+01:00", "2026-12-03T08:00Z"],
  ["march 14 2027 at 2:30 am", "2027-03-14T07:30Z"],
  ["july 1 at 9", "2027-07-01T13:00Z"],
  ["tomorrow at 9 lisbon time", "2026-11-23T09:00Z"],
  ["tuesday at noon pacific time", "2026-11-24T20:00Z"],
  ["tomorrow at 9 in tokyo", "2026-11-24T00:00Z"],
])("%j is the moment %s", async (phrase, at) => {
  expect(await ruleOf(phrase)).toBe(new Date(at).toISOString())
})

test.each([
  ["every weekday at 8 except holidays", "skip a single run"],
  ["every day at 9 unless it rains", "skip a single run"],
  ["every business day at 9", "Name the days"],
  ["every day between 9 and 5", "List the times"],
  ["every hour from 9 to 5", "List the times"],
  ["every day at sunset", "Name a time"],
  ["twice a day", "At which times"],
  ["3 times a week at 9", "At which times"],
  ["biweekly on friday at 9", "every other week"],
  ["daily", "At what time"],
  ["every friday", "At what time"],
  ["tomorrow", "At what time"],
  ["weekly at 9", "On which day"],
  ["every month at 9", "On which day"],
  ["next week at 9", "On which day"],
  ["every 0 minutes", "every minute"],
  ["every 24 hours", "every day"],
  ["on the 31st of every month at 9", "last day of every month"],
  ["every feb 29 at 9", "another date"],
  ["every day at 25", "not a time of day"],
  ["every day at 9:75", "not a time of day"],
  ["at 13pm", "not a time of day"],
  ["every day at 8am in the evening", "not a time of day"],
  ["every other friday at 8:30 and 17:00", "one by one"],
  ["every day at 9 until yesterday", "passed"],
  ["every day at 9 for 0 times", "how often"],
  ["mon, wed, fri at 7pm", 'say "every'],
  ["12/3 at 9", "month as a word"],
  ["3.12.2026 at 9", "month as a word"],
  ["today at 9am", "passed"],
  ["this morning at 9", "passed"],
  ["yesterday at 9", "passed"],
  ["last friday at 9", "passed"],
  ["nov 3 2020 at 9", "passed"],
  ["2020-01-01T09:00:00Z", "still to come"],
  ["in 0 minutes", "between now and five years"],
  ["in 10 years", "between now and five years"],
  ["in 20 minutes at 5pm", "not both"],
  ["tomorrow at 8 and 9", "one at a time"],
  ["every monday at 9 and tuesday at 10", "did not understand"],
  ["tomorrow at 9 and friday at 8", "did not understand"],
  ["every blue moon", "did not understand"],
  ["every", "did not understand"],
  ["purple monkey", "did not understand"],
  ["soon", "did not understand"],
  ["now", "did not understand"],
  ["at lunch time", "did not understand"],
  ["february 30 at 9", "did not understand"],
  ["tomorrow at 9 or so", "did not understand"],
  ["the first monday of january at 9", "did not understand"],
  ["every day at 9 and also when it rains", "did not understand"],
  ["", "did not understand"],
  ["0 8 * * *", "did not understand"],
  ["every day at 9 ".repeat(40), "did not understand"],
])("%j is not guessed: the problem says %j", async (phrase, words) => {
  const when = await parseWhen(phrase, here)
  expect("problem" in when ? when.problem : when.sentence).toContain(words)
  expect(when).toHaveProperty("problem")
})

test("a bare hour can mean the night when that is soon", async () => {
  const late = { ...here, now: new Date("2026-11-23T05:30:00Z") }
  expect(await parseWhen("at 2", late)).toMatchObject({ recurrence: { at: "2026-11-23T07:00:00.000Z" } })
})

test("a zone in the phrase wins and is part of the result", async () => {
  const when = await parseWhen("every weekday at 8 in london", here)
  expect(when).toMatchObject({ zone: "Europe/London", sentence: "weekdays at 8:00 AM, London time" })
})

test("across a change of the clock, one hour is an hour of real time and one day keeps the wall time", async () => {
  const before = { ...here, now: new Date("2027-03-14T06:30:00Z") }
  expect(await parseWhen("in 1 hour", before)).toMatchObject({ recurrence: { at: "2027-03-14T07:30:00.000Z" } })
  const eve = { ...here, now: new Date("2027-03-13T20:00:00Z") }
  expect(await parseWhen("in 1 day", eve)).toMatchObject({ recurrence: { at: "2027-03-14T19:00:00.000Z" } })
})

const pick = (...words: string[]) => fc.constantFrom(...words)
const list = (arbitrary: fc.Arbitrary<string>, most: number) =>
  fc
    .uniqueArray(arbitrary, { minLength: 1, maxLength: most })
    .map((words) => (words.length === 1 ? words.join() : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`))
const dayName = pick("monday", "Tuesday", "wed", "thursdays", "fri", "saturday", "sun")
const date = fc.integer({ min: 1, max: 28 }).map((n) => `${n}th`)
const clock = fc
  .tuple(fc.integer({ min: 0, max: 23 }), pick("00", "00", "15", "30"))
  .map(([hour, minute]) => `${String(hour).padStart(2, "0")}:${minute}`)
const days = fc.oneof(
  pick("every day", "weekdays", "every weekend", "every other day", "every 4 days", "on the last day of every month"),
  list(dayName, 4).map((names) => `every ${names}`),
  list(dayName, 2).map((names) => `every 3 weeks on ${names}`),
  list(date, 3).map((dates) => `on the ${dates} of every month`),
  fc
    .tuple(pick("first", "2nd", "third", "last"), pick("weekday", "friday", "mon"))
    .map(([n, day]) => `on the ${n} ${day} of each month`),
  fc.tuple(pick("jan", "february", "dec"), date).map(([month, day]) => `every year on ${month} ${day}`),
)
const limit = pick(
  "",
  "",
  " for 3 times",
  " until 3 march 2031",
  " starting 1 february 2028",
  " starting 5 may 2028 for 2 times",
)
const place = pick("", "", " lisbon time", " in tokyo", " PST")
const repeatingPhrase = fc
  .tuple(days, fc.oneof(list(clock, 1), list(clock, 3), list(pick("noon", "8 am", "midnight"), 3)), limit, place)
  .map(([day, at, ending, zone]) => `${day} at ${at}${ending}${zone}`)
const oncePhrase = fc
  .tuple(pick("tomorrow", "next friday", "3 march 2028", "the 9th", "in 2 weeks", "sunday"), clock, place)
  .map(([day, at, zone]) => `${day} at ${at}${zone}`)
const intervalPhrase = fc
  .tuple(fc.integer({ min: 1, max: 23 }), pick("minutes", "hours"))
  .map(([n, unit]) => `every ${n} ${unit}`)

test("the sentence about a recurrence is read as the same recurrence", async () => {
  let understood = 0
  await fc.assert(
    fc.asyncProperty(fc.oneof(repeatingPhrase, oncePhrase, intervalPhrase), async (phrase) => {
      const when = await parseWhen(phrase, here)
      if ("problem" in when) {
        expect(when.problem).toContain("one by one")
        return
      }
      understood += 1
      expect(recurrenceSchema.parse(when.recurrence)).toEqual(when.recurrence)
      const again = await parseWhen(when.sentence, { ...here, zone: when.zone })
      expect(again).toEqual(when)
    }),
    { numRuns: 400 },
  )
  expect(understood).toBeGreaterThan(200)
})

test("no text makes it throw", async () => {
  const word = pick(
    "every",
    "at",
    "9",
    "8:30",
    "pm",
    "other",
    "of",
    "month",
    "the",
    "last",
    "until",
    "for",
    "times",
    "in",
    "and",
    ",",
    "day",
    "1e9",
    "-1",
    "٣",
    "\u0000",
  )
  const text = fc.oneof(
    fc.string({ maxLength: 60 }),
    fc.array(word, { maxLength: 9 }).map((words) => words.join(" ")),
  )
  await fc.assert(
    fc.asyncProperty(text, async (phrase) => {
      const when = await parseWhen(phrase, here)
      if (!("problem" in when)) recurrenceSchema.parse(when.recurrence)
    }),
    { numRuns: 500 },
  )
})
