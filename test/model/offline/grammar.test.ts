import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { type OfflineCommand, parseCommand, type Saying } from "../../../src/model/offline/grammar.ts"
import { growth } from "../../support/growth.ts"

const call = (tool: string, args: Record<string, unknown> = {}): OfflineCommand => ({ kind: "call", tool, args })
const remember = (text: string, kind = "fact") => call("remember", { text, kind })
const recall = (query: string): OfflineCommand => ({ kind: "recall", query })
const about = (topic: string): OfflineCommand => ({ kind: "forget_about", topic })
const say = (saying: Saying): OfflineCommand => ({ kind: "say", saying })
const remind = (text: string, when: string) => call("remind", { text, when })
const schedule = (action: string, when: string) => call("schedule", { action, when })

const TABLE: [string, OfflineCommand][] = [
  ["remember that my sister's birthday is 3 May", remember("my sister's birthday is 3 May")],
  ["Remember that my sister’s birthday is 3 May.", remember("my sister's birthday is 3 May")],
  ["please remember: the spare key is under the pot", remember("the spare key is under the pot")],
  ["hey vigil, remember my locker is 114", remember("my locker is 114")],
  ["Can you remember that I prefer tea over coffee?", remember("I prefer tea over coffee", "preference")],
  ["note: the boiler was serviced in June", remember("the boiler was serviced in June")],
  ["make a note that Bob owes me 20 euros", remember("Bob owes me 20 euros")],
  ["don't forget that the meeting moved to room 4", remember("the meeting moved to room 4")],
  ["DON’T FORGET THAT Ana is allergic to nuts!", remember("Ana is allergic to nuts")],
  ["remember I love jazz", remember("I love jazz", "preference")],
  ["keep in mind that the door sticks", remember("the door sticks")],
  ["remember to buy milk", remember("buy milk")],
  ["remember to call mum tomorrow at 9", remind("call mum", "tomorrow at 9")],
  ["don't forget to pay rent every month", schedule("remind me to pay rent", "every month")],
  ["remember", say("remember_what")],
  ["when is my sister's birthday?", recall("when is my sister's birthday")],
  ["when is my sister’s birthday", recall("when is my sister's birthday")],
  ["What is the wifi password?", recall("What is the wifi password")],
  ["where did I put the passport", recall("where did I put the passport")],
  ["who's my dentist?", recall("who's my dentist")],
  ["which locker is mine?", recall("which locker is mine")],
  ["how do I reset the boiler?", recall("how do I reset the boiler")],
  ["could you tell me where the spare key is?", recall("tell me where the spare key is")],
  ["what do you know about Ana?", recall("Ana")],
  ["recall the boiler", recall("the boiler")],
  ["do you remember my locker number?", recall("my locker number")],
  ["can you remember my locker number?", recall("remember my locker number")],
  ["hey there, can you remind me to stretch in 20 minutes?", remind("stretch", "in 20 minutes")],
  ["my locker number?", recall("my locker number")],
  ["forget 12", call("forget", { ids: [12] })],
  ["forget #12 and #14", call("forget", { ids: [12, 14] })],
  ["please forget memory 7, 8", call("forget", { ids: [7, 8] })],
  ["delete memory #3", call("forget", { ids: [3] })],
  ["forget about my old address", about("my old address")],
  ["forget that Bob owes me 20 euros", about("Bob owes me 20 euros")],
  ["forget everything about Bob", about("Bob")],
  ["forget what I told you about Bob", about("Bob")],
  ["forget everything", say("forget_everything")],
  ["forget it", say("acknowledged")],
  ["call me Ana", call("set_preference", { key: "name", value: "Ana" })],
  ["My name is Ana María.", call("set_preference", { key: "name", value: "Ana María" })],
  ["call me tomorrow", say("unknown")],
  ["my timezone is Europe/Lisbon", call("set_preference", { key: "timezone", value: "Europe/Lisbon" })],
  [
    "set my time zone to America/Argentina/Buenos_Aires",
    call("set_preference", { key: "timezone", value: "America/Argentina/Buenos_Aires" }),
  ],
  ["timezone UTC", call("set_preference", { key: "timezone", value: "UTC" })],
  ["remind me to stretch in 20 minutes", remind("stretch", "in 20 minutes")],
  ["remind me in 20 minutes to stretch", remind("stretch", "in 20 minutes")],
  ["Remind me tomorrow at 9 to call mum, please", remind("call mum", "tomorrow at 9")],
  ["remind me to call mum tomorrow at 9", remind("call mum", "tomorrow at 9")],
  ["remind me at 5pm to take out the bins", remind("take out the bins", "at 5pm")],
  ["remind me to take out the bins at 5pm", remind("take out the bins", "at 5pm")],
  ["can you remind me about the rent on Friday?", remind("the rent", "on Friday")],
  ["remind me on Friday to call Bob at 5pm", remind("call Bob", "on Friday at 5pm")],
  ["remind me to watch the 9 o'clock news tomorrow at 8pm", remind("watch the 9 o'clock news", "tomorrow at 8pm")],
  ["in 20 minutes remind me to check the oven", remind("check the oven", "in 20 minutes")],
  ["tomorrow at 9, remind me to call the bank", remind("call the bank", "tomorrow at 9")],
  ["remind me to feed the cat the day after tomorrow at 8", remind("feed the cat", "the day after tomorrow at 8")],
  ["set a reminder to water the plants tonight", remind("water the plants", "tonight")],
  ["set a timer for 10 minutes", remind("timer", "in 10 minutes")],
  ["remind me to call mum", say("remind_when")],
  ["remind me", say("remind_what")],
  ["remind me tomorrow", say("remind_what")],
  ["every weekday at 8am send me the digest", schedule("send me the digest", "every weekday at 8am")],
  ["send me the digest every weekday at 8am", schedule("send me the digest", "every weekday at 8am")],
  ["Every day at 9, remind me to take my pills", schedule("remind me to take my pills", "Every day at 9")],
  ["remind me to take my pills every day at 9", schedule("remind me to take my pills", "every day at 9")],
  [
    "remind me every Monday and Thursday at 7:30 to take out the bins",
    schedule("remind me to take out the bins", "every Monday and Thursday at 7:30"),
  ],
  ["every 2 weeks remind me to change the sheets", schedule("remind me to change the sheets", "every 2 weeks")],
  ["at 18:00 every Friday send the digest", schedule("send the digest", "at 18:00 every Friday")],
  [
    "every morning at 7 and 8 remind me to drink water",
    schedule("remind me to drink water", "every morning at 7 and 8"),
  ],
  ["daily at 7:30 triage acme/shop#4", schedule("triage acme/shop#4", "daily at 7:30")],
  ["remind me to pay rent on the 1st of every month", schedule("remind me to pay rent", "on the 1st of every month")],
  ["remind me 10 minutes before the meeting", say("remind_when")],
  ["could you please forget about the wifi password?", about("the wifi password")],
  ["note my locker is 114", remember("my locker is 114")],
  ["every day at 9", say("schedule_what")],
  ["I run every morning", say("unknown")],
  ["list automations", call("list_automations")],
  ["show my reminders", call("list_automations")],
  ["what reminders do I have?", call("list_automations")],
  ["automations", call("list_automations")],
  ["cancel automation 3", call("cancel_automation", { id: 3 })],
  ["cancel reminder #3", call("cancel_automation", { id: 3 })],
  ["delete the reminder 12", call("cancel_automation", { id: 12 })],
  ["cancel my reminder", say("cancel_which")],
  ["triage acme/shop#12", call("triage_issue", { repo: "acme/shop", number: 12 })],
  ["please triage issue 12 in acme/shop", call("triage_issue", { repo: "acme/shop", number: 12 })],
  ["triage https://github.com/acme/shop.js/issues/12", call("triage_issue", { repo: "acme/shop.js", number: 12 })],
  ["https://github.com/acme/shop/issues/7#issuecomment-1", call("triage_issue", { repo: "acme/shop", number: 7 })],
  ["digest", call("send_digest")],
  ["send me the digest", call("send_digest")],
  ["send the digest now", call("send_digest")],
  ["send the digest for yesterday", call("send_digest", { day: "yesterday" })],
  ["Today's digest, please", call("send_digest", { day: "today" })],
  ["what time is it?", call("now")],
  ["what's the date", call("now")],
  ["hi", say("greeting")],
  ["Hello there!", say("greeting")],
  ["ping", say("greeting")],
  ["thanks!", say("thanks")],
  ["help", say("help")],
  ["what can you do?", say("help")],
  ["?", say("help")],
  ["my wifi password is hunter2", say("unknown")],
  ["write me a poem about autumn", say("unknown")],
  ["note taking is fun", say("unknown")],
]

const TOOLS = new Set(
  "remember recall forget set_preference remind schedule list_automations cancel_automation triage_issue send_digest now".split(
    " ",
  ),
)

describe("the offline grammar", () => {
  test.each(TABLE)("understands: %s", (text, command) => {
    expect(parseCommand(text)).toEqual(command)
  })

  const words = fc.constantFrom(
    "remind",
    "me",
    "to",
    "every",
    "day",
    "at",
    "9",
    "forget",
    "#12",
    "and",
    "remember",
    "that",
    "?",
    "call",
    "a/b#1",
    "in",
    "20",
    "minutes",
    "’",
    "digest",
    "cancel",
    "triage",
    ",",
    "tomorrow",
  )
  const anything = fc.oneof(
    fc.string({ unit: "binary", maxLength: 300 }),
    fc.array(words, { maxLength: 14 }).map((list) => list.join(" ")),
  )

  test("turns every text into a known command with JSON arguments, and never throws", () => {
    fc.assert(
      fc.property(anything, (text) => {
        const command = parseCommand(text)
        if (command.kind !== "call") return
        expect(TOOLS).toContain(command.tool)
        expect(JSON.parse(JSON.stringify(command.args))).toEqual(command.args)
        expect(Object.values(command.args)).not.toContain("")
      }),
      { numRuns: 1_000 },
    )
  })

  test.each(["remind me to ", "every day and ", "forget 1, ", "a/", "please ", "at 9 "])(
    "reads a very long text of %j in a time in proportion to its length",
    (part) => {
      expect(growth((size) => void parseCommand(part.repeat(size)), 4_000)).toBeLessThan(8)
    },
  )
})
