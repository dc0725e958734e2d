import { expect, test } from "vitest"
import { splitReminder } from "../../../src/schedule/words/reminder.ts"

/** Sunday 22 November 2026, 3:00 PM in New York. */
const here = { now: new Date("2026-11-22T20:00:00Z"), zone: "America/New_York" }

test.each([
  ["call mum tomorrow at 9", "call mum", "tomorrow at 9"],
  ["tomorrow at 9 to call mum", "call mum", "tomorrow at 9"],
  ["tomorrow call mum at 9", "call mum", "tomorrow at 9"],
  ["remind me to call mum tomorrow at 9", "call mum", "tomorrow at 9"],
  ["Remind me at 5pm that the oven is on", "the oven is on", "at 5pm"],
  ["remind me in 20 minutes to stretch", "stretch", "in 20 minutes"],
  ["remind me on friday to pay rent at 6pm", "pay rent", "on friday at 6pm"],
  ["Please remind me tonight at 8: call Sam", "call Sam", "tonight at 8"],
  ["water the plants every 3 days at 9, please", "water the plants", "every 3 days at 9"],
  ["every weekday at 8am send me the digest", "send me the digest", "every weekday at 8am"],
  ["pay rent on the 1st of every month at 9", "pay rent", "on the 1st of every month at 9"],
  ["submit the report by friday at 5pm", "submit the report", "friday at 5pm"],
  ["read chapter 5 tomorrow at 9", "read chapter 5", "tomorrow at 9"],
  ["call the 3 clients in 2 hours", "call the 3 clients", "in 2 hours"],
  ["at 5 eat dinner", "eat dinner", "at 5"],
  ["read the monday report tomorrow at 9", "read the monday report", "tomorrow at 9"],
])("%j is %j at %j", async (text, what, when) => {
  expect(await splitReminder(text, here)).toMatchObject({ what, when })
})

test.each([
  "buy milk",
  "",
  "remind me",
  "tomorrow at 9",
  "remind me tomorrow at 9",
  "meet ana on monday at the office",
  "dentist on monday at the office at 9",
  "call mum every day except holidays at 9",
])("%j is not split, because its time is not understood or no text is left", async (text) => {
  expect(await splitReminder(text, here)).toBeNull()
})

test("a long text is handled", async () => {
  const story = "the quick brown fox at the lazy dog over there ".repeat(40)
  expect(await splitReminder(`${story} tomorrow at 9`, here)).toMatchObject({ when: "tomorrow at 9" })
})
