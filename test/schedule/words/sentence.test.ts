import { expect, test } from "vitest"
import type { Recurrence } from "../../../src/schedule/recurrence/recurrence.ts"
import { sentenceOf } from "../../../src/schedule/words/sentence.ts"

const cases: [Recurrence, string][] = [
  [{ kind: "cron", expr: "0 8 * * 1-5" }, "weekdays at 8:00 AM, New York time"],
  [{ kind: "cron", expr: "0 8,12,17 * * *" }, "every day at 8:00 AM, 12:00 PM and 5:00 PM, New York time"],
  [
    { kind: "cron", expr: "0 9 1,2,3,11,22 * *" },
    "on the 1st, 2nd, 3rd, 11th and 22nd of every month at 9:00 AM, New York time",
  ],
  [{ kind: "cron", expr: "0 9 3 12 *" }, "every year on December 3 at 9:00 AM, New York time"],
  [{ kind: "cron", expr: "0 * * * *" }, "every hour, New York time"],
  [{ kind: "every", minutes: 1 }, "every minute"],
  [{ kind: "every", minutes: 90 }, "every 90 minutes"],
  [{ kind: "every", minutes: 120 }, "every 2 hours"],
  [{ kind: "once", at: "2026-11-24T14:00:00Z" }, "Tuesday 24 November 2026 at 9:00 AM, New York time"],
  [
    { kind: "rrule", rule: "FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=16;BYMINUTE=0" },
    "on the last Friday of every month at 4:00 PM, New York time",
  ],
  [
    { kind: "rrule", rule: "FREQ=DAILY;BYDAY=MO,FR;BYHOUR=8,17;BYMINUTE=0,30;BYSETPOS=2,3" },
    "every Monday and Friday at 8:30 AM and 5:00 PM, New York time",
  ],
]

test.each(cases)("%j reads %j", (recurrence, sentence) => {
  expect(sentenceOf(recurrence, "America/New_York")).toBe(sentence)
})

const unsaid: Recurrence[] = [
  { kind: "cron", expr: "*/5 9-17 * * 1-5" },
  { kind: "cron", expr: "0 9 1 * 1" },
  { kind: "cron", expr: "0 9 * 6 1" },
  { kind: "cron", expr: "0 9 31 * *" },
  { kind: "rrule", rule: "FREQ=MONTHLY;BYDAY=5MO;BYHOUR=16;BYMINUTE=0" },
  { kind: "rrule", rule: "FREQ=DAILY" },
  { kind: "rrule", rule: "FREQ=DAILY;BYHOUR=9;BYMINUTE=0;BYMONTH=6" },
  { kind: "rrule", rule: "FREQ=YEARLY;BYMONTH=6;BYMONTHDAY=1,2;BYHOUR=9;BYMINUTE=0" },
  { kind: "rrule", rule: "FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=1;BYHOUR=9;BYMINUTE=0" },
  { kind: "rrule", rule: "DTSTART:20261127T170000\nRRULE:FREQ=DAILY;BYHOUR=17;BYMINUTE=0\nEXDATE:20261225T170000" },
]

test.each(unsaid)("%j has no plain words, so it is quoted as a whole", (recurrence) => {
  const sentence = sentenceOf(recurrence, "UTC")
  expect(sentence).toContain(
    recurrence.kind === "cron" ? recurrence.expr : recurrence.kind === "rrule" ? recurrence.rule : "?",
  )
  expect(sentence.endsWith(", UTC")).toBe(true)
})
