import { expect, test } from "vitest"
import { type Evidence, violations } from "./checker.ts"

const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second))

/** Two jobs on one lane, one of them crashed once, and a labelled issue: all as promised. */
function good(): Evidence {
  const step = { kind: "tool", name: "remind", answer: null, issue: null, epoch: 1 }
  return {
    acknowledged: [
      { lane: "sms", tag: "job-1" },
      { lane: "sms", tag: "job-2" },
      { lane: "issue-4", tag: "issue-4" },
    ],
    inbox: [
      { tag: "job-1", threadId: "t", seq: 1, state: "done", runId: "r1" },
      { tag: "job-2", threadId: "t", seq: 2, state: "done", runId: "r2" },
      { tag: "issue-4", threadId: "u", seq: 1, state: "done", runId: "r3" },
    ],
    runs: [
      { id: "r1", threadId: "t", state: "done", attempts: 0, startedAt: at(1), endedAt: at(4) },
      { id: "r2", threadId: "t", state: "done", attempts: 1, startedAt: at(5), endedAt: at(9) },
      { id: "r3", threadId: "u", state: "done", attempts: 0, startedAt: at(1), endedAt: at(9) },
    ],
    journal: [
      { ...step, runId: "r1", n: 0, phase: "intent", kind: "model", name: "reply", at: at(1) },
      { ...step, runId: "r1", n: 0, phase: "outcome", kind: "model", name: "reply", at: at(2), answer: 2 },
      { ...step, runId: "r2", n: 0, phase: "intent", at: at(5) },
      { ...step, runId: "r2", n: 0, phase: "outcome", at: at(6), epoch: 2 },
      { ...step, runId: "r3", n: 0, phase: "intent", name: "apply_triage", at: at(2) },
      { ...step, runId: "r3", n: 0, phase: "outcome", name: "apply_triage", at: at(4), issue: 4 },
    ],
    outbox: [
      { threadId: "t", seq: 1, channel: "sms", state: "sent", attempts: 1, tags: ["job-1"] },
      { threadId: "t", seq: 2, channel: "sms", state: "sent", attempts: 2, tags: ["job-2"] },
    ],
    rows: [{ name: "Reminder number 1", times: 1 }],
    asked: [
      { no: 1, question: "first", at: at(1) },
      { no: 2, question: "first", at: at(1) },
    ],
    labelled: [{ issue: 4, at: at(3) }],
    arrived: [
      { channel: "sms", tags: ["job-1"] },
      { channel: "sms", tags: ["job-2"] },
      { channel: "sms", tags: ["job-2"] },
    ],
    held: [],
    broken: [],
  }
}

/** The rows of a list with one of them changed. */
function changed<T>(rows: T[], index: number, change: Partial<T>): T[] {
  return rows.map((row, at) => (at === index ? { ...row, ...change } : row))
}

test("a history that kept every promise has no violations", () => {
  expect(violations(good())).toEqual([])
})

const planted: [string, (e: Evidence) => Partial<Evidence>, RegExp][] = [
  ["an acknowledged message without a row", (e) => ({ inbox: e.inbox.slice(1) }), /job-1 was acknowledged and is not/],
  [
    "a message taken twice",
    (e) => ({ inbox: [...e.inbox, ...changed(e.inbox, 0, { seq: 3 }).slice(0, 1)] }),
    /2 times/,
  ],
  ["a run that failed", (e) => ({ runs: changed(e.runs, 1, { state: "failed" }) }), /job-2 .* its run failed after 1/],
  ["a message that never ended", (e) => ({ inbox: changed(e.inbox, 0, { state: "claimed" }) }), /is claimed/],
  ["messages in the wrong order", (e) => ({ inbox: changed(e.inbox, 0, { seq: 3 }) }), /out of order: 3, 2/],
  ["two runs of a thread at once", (e) => ({ runs: changed(e.runs, 1, { startedAt: at(3) }) }), /before run r1 had/],
  [
    "a write of a stale worker",
    (e) => ({ journal: changed(e.journal, 2, { epoch: 3 }) }),
    /stale worker wrote to run r2/,
  ],
  ["a step without outcome", (e) => ({ journal: e.journal.toSpliced(3, 1) }), /step 0 \(remind\) of run r2/],
  ["a model asked again", (e) => ({ asked: changed(e.asked, 0, { at: at(3) }) }), /again \(request 1\)/],
  ["an effect done twice", () => ({ rows: [{ name: "Reminder number 1", times: 2 }] }), /Reminder number 1 is there 2/],
  ["an effect never done", () => ({ rows: [{ name: "Reminder number 1", times: 0 }] }), /is there 0 times/],
  ["a label after its outcome", () => ({ labelled: [{ issue: 4, at: at(5) }] }), /labelled after that was journalled/],
  ["a label too often", (e) => ({ labelled: [...e.labelled, ...e.labelled] }), /labelled 2 times in 1 tries/],
  ["a message without a reply", (e) => ({ outbox: e.outbox.slice(1) }), /job-1 has 0 replies/],
  ["a message with two replies", (e) => ({ outbox: [...e.outbox, ...e.outbox.slice(0, 1)] }), /job-1 has 2 replies/],
  ["a reply that never arrived", (e) => ({ arrived: e.arrived.slice(1) }), /reply to job-1 never arrived/],
  [
    "a reply sent twice in one try",
    (e) => ({ arrived: [...e.arrived, ...e.arrived.slice(0, 1)] }),
    /arrived 2 times in 1/,
  ],
  ["replies in the wrong order", (e) => ({ arrived: e.arrived.toReversed() }), /arrived out of order/],
  ["a thread still held", () => ({ held: ["t"] }), /still held/],
  ["a broken chain", () => ({ broken: [7] }), /journal row 7/],
]

test.each(planted)("%s is found", (_name, plant, found) => {
  const history = good()
  const said = violations({ ...history, ...plant(history) })
  expect(said.join("\n")).toMatch(found)
})

test("a lost reply is forgiven only where the outbox says that it cannot know", () => {
  const history = good()
  const lost = { ...history, arrived: history.arrived.slice(0, 1) }
  expect(violations(lost)).not.toEqual([])
  expect(violations({ ...lost, outbox: changed(lost.outbox, 1, { state: "uncertain" }) })).toEqual([])
})
