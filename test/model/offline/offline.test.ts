import fc from "fast-check"
import { describe, expect, test } from "vitest"
import type { Message, ModelRequest, ModelResult } from "../../../src/model/model.ts"
import { answerOffline } from "../../../src/model/offline/offline.ts"
import { ask } from "../requests.ts"

const NOW = new Date("2026-11-22T10:00:00Z")
const NAMES =
  "remember recall forget set_preference remind schedule list_automations cancel_automation triage_issue send_digest now".split(
    " ",
  )
const TOOLS = NAMES.map((name) => ({ name, description: name, parameters: { type: "object" } }))

const user = (text: string): Message => ({ role: "user", text })

function answer(messages: Message[], more: Partial<ModelRequest> = {}): ModelResult {
  return answerOffline(ask({ messages, tools: TOOLS, ...more }), NOW)
}

/** Plays the loop: gives each call the result that `results` has for its tool, until there is a final answer. */
function converse(
  messages: Message[],
  results: Record<string, unknown>,
): { reply: string; calls: string[]; all: Message[] } {
  const all = [...messages]
  const calls: string[] = []
  for (let step = 0; step < 5; step += 1) {
    const { text, toolCalls, finish } = answer(all)
    if (finish !== "tool_calls")
      return { reply: text, calls, all: [...all, { role: "assistant", text, toolCalls: [] }] }
    all.push({ role: "assistant", text, toolCalls })
    for (const call of toolCalls) {
      calls.push(`${call.name} ${call.arguments}`)
      const given = results[call.name]
      all.push({
        role: "tool",
        callId: call.id,
        name: call.name,
        text: typeof given === "string" ? given : JSON.stringify(given),
      })
    }
  }
  throw new Error("the responder never came to an end")
}

const memory = (id: number, text: string, recordedAt = "2026-11-03T08:00:00Z") => ({ id, text, recordedAt, score: 1 })

describe("the offline responder", () => {
  test("names itself as offline and costs nothing", () => {
    const result = answer([user("hi")])
    expect(result).toMatchObject({
      provider: "offline",
      model: "offline/rules-1",
      cost: 0,
      finish: "stop",
      toolCalls: [],
    })
    expect(result.text).toContain("OFFLINE")
  })

  test("remembers what it is told to remember", () => {
    const { reply, calls } = converse([user("remember that my sister's birthday is 3 May")], {
      remember: { ok: true, id: 12, text: "my sister's birthday is 3 May" },
    })
    expect(calls).toEqual(['remember {"text":"my sister\'s birthday is 3 May","kind":"fact"}'])
    expect(reply).toBe('Noted #12: "my sister\'s birthday is 3 May"')
  })

  test("answers a question by quoting the best memory with its date, and lists the others after it", () => {
    const memories = [
      memory(12, "my sister's birthday is 3 May"),
      memory(3, "her birthday cake was lemon", "2025-05-04T08:00:00Z"),
    ]
    const { reply } = converse([user("when is my sister's birthday?")], { recall: { ok: true, memories } })
    expect(reply).toBe(
      'You told me (3 Nov): "my sister\'s birthday is 3 May"\nAlso:\n- (4 May 2025) "her birthday cake was lemon"',
    )
  })

  test("says that it has nothing instead of quoting a memory about something else", () => {
    const found = { ok: true, memories: [memory(1, "the boiler was serviced in June")] }
    const { reply } = converse([user("what is the capital of France?")], { recall: found })
    expect(reply).toBe("I have nothing about that. Tell me with: remember ...")
  })

  test("forgets a topic in two steps, and only the memories that are wholly about it", () => {
    const memories = [memory(4, "my old address is Elm Street 2"), memory(5, "Bob has an old car")]
    const { reply, calls } = converse([user("forget about my old address")], {
      recall: { ok: true, memories },
      forget: { ok: true, forgotten: [{ id: 4, text: "my old address is Elm Street 2" }] },
    })
    expect(calls).toEqual(['recall {"query":"my old address"}', 'forget {"ids":[4]}'])
    expect(reply).toBe('Forgotten:\n#4 "my old address is Elm Street 2"')
  })

  test("forgets nothing when no memory is wholly about the topic, and names the closest ones", () => {
    const { reply, calls } = converse([user("forget about my old address")], {
      recall: { ok: true, memories: [memory(5, "Bob has an old car")] },
    })
    expect(calls).toHaveLength(1)
    expect(reply).toContain('#5 "Bob has an old car"')
    expect(reply).toContain("forgot nothing")
  })

  test.each<[string, Record<string, unknown>, string]>([
    [
      "remind me to stretch in 20 minutes",
      { remind: { ok: true, id: 3, text: "stretch", at: "today 10:20" } },
      'Reminder #3 set for today 10:20: "stretch"',
    ],
    [
      "every weekday at 8am send me the digest",
      {
        schedule: {
          ok: true,
          id: 4,
          action: "send me the digest",
          sentence: "Mon to Fri at 08:00",
          next: ["Mon 08:00", "Tue 08:00"],
        },
      },
      "Automation #4 set: Mon to Fri at 08:00. Next: Mon 08:00; Tue 08:00",
    ],
    [
      "list automations",
      {
        list_automations: {
          ok: true,
          automations: [
            { id: 4, name: "digest", sentence: "Mon to Fri at 08:00", next: ["Mon 08:00"], state: "paused" },
          ],
        },
      },
      "#4 digest, Mon to Fri at 08:00, next Mon 08:00, paused",
    ],
    ["list automations", { list_automations: { ok: true, automations: [] } }, "There are no automations or reminders."],
    ["cancel reminder 3", { cancel_automation: { ok: true, id: 3, name: "stretch" } }, 'Cancelled #3: "stretch"'],
    [
      "triage acme/shop#12",
      {
        triage_issue: {
          ok: true,
          repo: "acme/shop",
          number: 12,
          kind: "bug",
          confidence: 0.82,
          reason: "stack trace",
          labels: ["bug"],
          assignee: "ana",
        },
      },
      "acme/shop#12: bug (82% sure). stack trace. Labels: bug. Assignee: ana.",
    ],
    [
      "digest",
      { send_digest: { ok: true, text: "Nothing happened.", sentTo: "telegram" } },
      "Nothing happened.\nSent to telegram.",
    ],
    [
      "what time is it?",
      { now: { ok: true, now: "2026-11-22T10:00:00Z", local: "Sun 22 Nov, 11:00", zone: "Europe/Paris" } },
      "It is Sun 22 Nov, 11:00 (Europe/Paris).",
    ],
    ["call me Ana", { set_preference: { ok: true, key: "name", value: "Ana" } }, "I will call you Ana."],
    [
      "my timezone is UTC",
      { set_preference: { ok: true, key: "timezone", value: "UTC" } },
      "Your timezone is now UTC.",
    ],
    ["forget 12", { forget: { ok: true, forgotten: [] } }, "There was nothing to forget."],
    [
      "triage acme/shop#12",
      { triage_issue: { ok: false, code: "denied", message: "the owner said no" } },
      "Not done: the owner said no",
    ],
    ["remind me to stretch in 20 minutes", { remind: { ok: false, code: "expired" } }, "Not done: expired"],
    [
      "remind me to stretch in 20 minutes",
      { remind: "not executed: the run was interrupted" },
      "Not done: not executed: the run was interrupted",
    ],
    ["remind me to stretch in 20 minutes", { remind: { ok: true } }, "Reminder set."],
  ])("renders the result of: %s", (text, results, expected) => {
    expect(converse([user(text)], results).reply).toBe(expected)
  })

  test("handles each of several waiting messages with one call, and every call has its own id", () => {
    const { reply, calls } = converse([user("remember I like tea"), user("good morning"), user("what time is it")], {
      remember: { ok: true, id: 1, text: "I like tea" },
      now: { ok: true, now: "11:00" },
    })
    expect(calls.map((call) => call.split(" ")[0])).toEqual(["remember", "now"])
    expect(reply.split("\n\n")).toHaveLength(3)
    expect(new Set(answer([user("digest"), user("digest")]).toolCalls.map((call) => call.id)).size).toBe(2)
  })

  test("answers a message that arrives between the steps beside the first one", () => {
    const first = answer([user("remember I like tea")])
    const messages: Message[] = [
      user("remember I like tea"),
      { role: "assistant", text: "", toolCalls: first.toolCalls },
      {
        role: "tool",
        callId: first.toolCalls[0]?.id ?? "",
        name: "remember",
        text: '{"ok":true,"id":1,"text":"I like tea"}',
      },
      user("what time is it"),
    ]
    const { reply, calls } = converse(messages, { now: { ok: true, now: "11:00" } })
    expect(calls).toEqual(["now {}"])
    expect(reply).toBe('Noted #1: "I like tea"\n\nIt is 11:00.')
  })

  test("reads only what came after the last finished answer", () => {
    const { all } = converse([user("remember I like tea")], { remember: { ok: true, id: 1, text: "I like tea" } })
    expect(answer([...all, user("thanks")]).text).toMatch(/^You are welcome/)
  })

  test("reports what another model already did in this turn instead of doing it again", () => {
    const result = answer([
      user("remember I like tea"),
      {
        role: "assistant",
        text: null,
        toolCalls: [{ id: "call_abc", name: "remember", arguments: '{"text":"I like tea"}' }],
      },
      { role: "tool", callId: "call_abc", name: "remember", text: '{"ok":true,"id":9,"text":"I like tea"}' },
    ])
    expect(result.toolCalls).toEqual([])
    expect(result.text).toBe('Noted #9: "I like tea"')
  })

  test("does not call a tool that is not offered", () => {
    const result = answer([user("triage acme/shop#12")], { tools: [] })
    expect(result.toolCalls).toEqual([])
    expect(result.text).toContain("triage_issue is not available")
  })

  test("never takes the notes that Vigil adds to a message for a command", () => {
    const volatile = "remember that this is context"
    const result = answer([user("what time is it")], { volatile })
    expect(result.toolCalls.map((call) => call.name)).toEqual(["now"])
  })

  test("refuses a request for JSON of a schema", () => {
    const schema = { name: "triage", schema: { type: "object" } }
    expect(() => answer([user("x")], { schema })).toThrow(
      expect.objectContaining({ name: "Reject", code: "offline_no_schema" }),
    )
  })

  test("gives a valid result for every conversation", () => {
    const text = fc.oneof(
      fc.string(),
      fc.constantFrom("forget about tea", "digest", "remember x", '{"ok":true}', "{", "[]", '{"memories":3}'),
    )
    const message: fc.Arbitrary<Message> = fc.oneof(
      text.map(user),
      text.map((said): Message => ({ role: "assistant", text: said, toolCalls: [] })),
      fc
        .tuple(fc.constantFrom("offline-1-1", "offline-2-1", "call_x"), fc.constantFrom(...NAMES))
        .map(([id, name]): Message => ({ role: "assistant", text: null, toolCalls: [{ id, name, arguments: "{}" }] })),
      fc.record({
        role: fc.constant("tool" as const),
        callId: fc.constantFrom("offline-1-1", "offline-1-2", "call_x"),
        name: fc.constantFrom(...NAMES, "other"),
        text,
      }),
    )
    fc.assert(
      fc.property(fc.array(message, { maxLength: 8 }), (messages) => {
        const { text: reply, toolCalls, finish } = answer(messages)
        expect(finish).toBe(toolCalls.length > 0 ? "tool_calls" : "stop")
        expect(reply === "").toBe(toolCalls.length > 0)
        for (const call of toolCalls) {
          expect(NAMES).toContain(call.name)
          expect(JSON.parse(call.arguments)).toBeTypeOf("object")
        }
      }),
      { numRuns: 500 },
    )
  })
})
