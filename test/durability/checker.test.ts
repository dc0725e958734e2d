import { expect, test } from "vitest"
import { growth } from "../support/growth.ts"
import { figuresOf, violations } from "./checker.ts"
import type { Evidence } from "./evidence.ts"

const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second))

const ms = (second: number) => at(second).getTime()

/** Two jobs on one lane, one of them crashed once, two issues of which one was asked about, and a reminder: all as promised. */
function good(): Evidence {
  const step = { kind: "tool", name: "remind", answer: null, issue: null, epoch: 1 }
  const reply = { threadId: "t", channel: "sms", state: "sent", isLimit: false, isFallback: false }
  return {
    acknowledged: [
      { lane: "sms", tag: "job-1", sentAt: ms(0), at: ms(1) },
      { lane: "sms", tag: "job-2", sentAt: ms(2), at: ms(3) },
      { lane: "issue-4", tag: "issue-4", sentAt: ms(0), at: ms(1) },
      { lane: "issue-5", tag: "issue-5", sentAt: ms(0), at: ms(1) },
      { lane: "answer", tag: "SM1", sentAt: ms(6), at: ms(7) },
    ],
    inbox: [
      { tag: "job-1", threadId: "t", seq: 1, kind: "message", state: "done", runId: "r1" },
      { tag: "job-2", threadId: "t", seq: 2, kind: "message", state: "done", runId: "r2" },
      { tag: "issue-4", threadId: "u", seq: 1, kind: "issue", state: "done", runId: "r3" },
      { tag: "issue-5", threadId: "v", seq: 1, kind: "issue", state: "done", runId: "r4" },
      { tag: "SM1", threadId: "t", seq: 3, kind: "message", state: "done", runId: null },
    ],
    runs: [
      { id: "r1", threadId: "t", state: "done", attempts: 0, startedAt: at(1), endedAt: at(4) },
      { id: "r2", threadId: "t", state: "done", attempts: 1, startedAt: at(5), endedAt: at(9) },
      { id: "r3", threadId: "u", state: "done", attempts: 0, startedAt: at(1), endedAt: at(9) },
      { id: "r4", threadId: "v", state: "done", attempts: 0, startedAt: at(1), endedAt: at(9) },
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
      {
        ...reply,
        id: "o1",
        runId: "r1",
        key: "run:r1:reply",
        seq: 1,
        attempts: 1,
        tags: ["job-1"],
        firstPage: ["job-1"],
      },
      {
        ...reply,
        id: "o2",
        runId: "r2",
        key: "run:r2:reply",
        seq: 2,
        attempts: 2,
        tags: ["job-2"],
        firstPage: ["job-2"],
      },
    ],
    waits: [{ runId: "r4", state: "approved", isUsed: true, issue: 5 }],
    verdicts: [{ issue: 5, verdict: "OK" }],
    schedules: [
      { id: 1, everyMs: null, firstAt: at(8), handledTo: at(9), instants: [{ dueAt: at(8), state: "done" }] },
      {
        id: 2,
        everyMs: 1000,
        firstAt: at(8),
        handledTo: at(9),
        instants: [
          { dueAt: at(8), state: "missed" },
          { dueAt: at(9), state: "done" },
        ],
      },
    ],
    rows: [{ name: "Reminder number 1", tag: "job-1", times: 1 }],
    asked: [
      { no: 1, question: "first", at: at(1) },
      { no: 2, question: "first", at: at(1) },
    ],
    labelled: [
      { issue: 4, at: at(3) },
      { issue: 5, at: at(8) },
    ],
    arrived: [
      { channel: "sms", op: "o1", text: "one", tags: ["job-1"] },
      { channel: "sms", op: "o2", text: "two", tags: ["job-2"] },
      { channel: "sms", op: "o2", text: "two", tags: ["job-2"] },
    ],
    claims: [
      { threadId: "t", epoch: 1, at: at(1) },
      { threadId: "t", epoch: 2, at: at(6) },
    ],
    wakes: [],
    held: [],
    broken: [],
    crashes: [],
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
    (e) => ({ inbox: [...e.inbox, ...changed(e.inbox, 0, { seq: 9 }).slice(0, 1)] }),
    /2 times/,
  ],
  ["a run that failed", (e) => ({ runs: changed(e.runs, 1, { state: "failed" }) }), /job-2 .* its run failed after 1/],
  ["a message that never ended", (e) => ({ inbox: changed(e.inbox, 0, { state: "claimed" }) }), /is claimed/],
  ["messages in the wrong order", (e) => ({ inbox: changed(e.inbox, 0, { seq: 3 }) }), /job-2 is 2, job-1 before it 3/],
  ["two runs of a thread at once", (e) => ({ runs: changed(e.runs, 1, { startedAt: at(3) }) }), /before run r1 had/],
  [
    "a write of a stale worker",
    (e) => ({ journal: changed(e.journal, 2, { epoch: 3 }) }),
    /stale worker wrote to run r2/,
  ],
  [
    "a write of a stale worker to an earlier run",
    (e) => ({ journal: [...e.journal, ...changed(e.journal, 1, { n: 1 }).slice(1, 2)] }),
    /stale worker wrote to run r1: step 1 \(reply\), epoch 1 after 2/,
  ],
  [
    "a write of a worker that had lost its thread",
    (e) => ({ claims: changed(e.claims, 1, { at: at(3) }) }),
    /stale worker wrote to run r2: step 0 \(remind\), epoch 1 after 2/,
  ],
  ["a step without outcome", (e) => ({ journal: e.journal.toSpliced(3, 1) }), /step 0 \(remind\) of run r2/],
  ["a model asked again", (e) => ({ asked: changed(e.asked, 0, { at: at(3) }) }), /again \(request 1\)/],
  ["an effect done twice", (e) => ({ rows: changed(e.rows, 0, { times: 2 }) }), /Reminder number 1 is there 2/],
  ["an effect never done", (e) => ({ rows: changed(e.rows, 0, { times: 0 }) }), /is there 0 times/],
  ["a label after its outcome", () => ({ labelled: [{ issue: 4, at: at(5) }] }), /labelled after that was journalled/],
  ["a label twice", (e) => ({ labelled: [...e.labelled, ...e.labelled] }), /issue 4 was labelled 2 times/],
  ["an approved label never put on", (e) => ({ labelled: e.labelled.slice(0, 1) }), /5 was approved and labelled 0/],
  [
    "a label against the owner's word",
    (e) => ({ waits: changed(e.waits, 0, { state: "denied" }), verdicts: [{ issue: 5, verdict: "NO" }] }),
    /5 was labelled although/,
  ],
  ["another decision than the owner's", () => ({ verdicts: [{ issue: 5, verdict: "NO" }] }), /the owner said NO/],
  ["an approval never used", (e) => ({ waits: changed(e.waits, 0, { isUsed: false }) }), /was never used/],
  [
    "a due instant without a row",
    (e) => ({ schedules: changed(e.schedules, 0, { instants: [] }) }),
    /due 1 times and has 0/,
  ],
  [
    "a due instant without an end",
    (e) => ({ schedules: changed(e.schedules, 0, { instants: [{ dueAt: at(8), state: "started" }] }) }),
    /automation 1 has no end/,
  ],
  [
    "a gap between due instants",
    (e) => ({ schedules: changed(e.schedules, 1, { handledTo: at(10) }) }),
    /automation 2 was due 3 times and has 2/,
  ],
  ["a message without a reply", (e) => ({ outbox: e.outbox.slice(1) }), /job-1 has 0 replies/],
  ["a message with two replies", (e) => ({ outbox: [...e.outbox, ...e.outbox.slice(0, 1)] }), /job-1 has 2 replies/],
  ["a reply that never arrived", (e) => ({ arrived: e.arrived.slice(1) }), /reply to job-1 never arrived/],
  ["a reply that was never sent", (e) => ({ outbox: changed(e.outbox, 0, { state: "pending" }) }), /is still pending/],
  [
    "a reply sent twice in one try",
    (e) => ({ arrived: [...e.arrived, ...e.arrived.slice(0, 1)] }),
    /arrived 2 times in 1/,
  ],
  ["replies in the wrong order", (e) => ({ arrived: e.arrived.toReversed() }), /arrived out of order/],
  ["a thread still held", () => ({ held: ["t"] }), /still held/],
  ["a broken chain", () => ({ broken: [7] }), /journal row 7/],
  ["a process that ended by itself", () => ({ crashes: ["ended with 1"] }), /ended by itself: ended with 1/],
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
  const unsure = (row: { channel: string; attempts: number }) =>
    violations({ ...lost, outbox: changed(lost.outbox, 1, { state: "uncertain", ...row }) })
  expect(unsure({ channel: "telegram", attempts: 2 })).toEqual([])
  expect(unsure({ channel: "telegram", attempts: 1 })).not.toEqual([])
  expect(unsure({ channel: "sms", attempts: 1 })).toEqual([])
})

test("what was given up has its end when a person was told, and is counted", () => {
  const history = good()
  const given = {
    ...history,
    inbox: changed(history.inbox, 0, { state: "dead" }),
    runs: changed(history.runs, 0, { state: "failed" }),
    outbox: changed(history.outbox, 0, { key: "run:r1:failed:x", tags: [], firstPage: [] }),
    arrived: history.arrived.slice(1),
  }
  expect(violations(given)).toEqual([])
  expect(figuresOf(given)).toEqual({ deadLettered: 1, duplicatesExplained: 1, limited: 0, uncertain: 0 })
  expect(violations({ ...given, outbox: changed(given.outbox, 0, { key: "run:r1:reply" }) })).toEqual([
    "job-1 was acknowledged and is dead, its run failed after 0 failed tries, and nobody was told",
  ])
})

test("an approved label may be missing when its run was given up and a person was told, and only then", () => {
  const history = good()
  const given = {
    ...history,
    labelled: history.labelled.slice(0, 1),
    inbox: history.inbox.map((row) => (row.tag === "issue-5" ? { ...row, state: "dead" } : row)),
    runs: history.runs.map((run) => (run.id === "r4" ? { ...run, state: "failed" } : run)),
  }
  expect(violations(given).join()).toMatch(/issue-5 was acknowledged and is dead, .*nobody was told/)
  expect(violations(given).join()).not.toContain("labelled 0 times")
})

test("a run that a limit ended has its end when it said so", () => {
  const history = good()
  const given = {
    ...history,
    rows: changed(history.rows, 0, { times: 0 }),
    outbox: changed(history.outbox, 0, { tags: [], firstPage: [], isLimit: true }),
    arrived: history.arrived.slice(1),
  }
  expect(violations(given)).toEqual([])
  expect(violations({ ...given, outbox: changed(given.outbox, 0, { isLimit: false }) })).toHaveLength(2)
})

test("a model may be asked again by a worker that slept, in the moment it wakes", () => {
  const history = good()
  const again = { ...history, asked: changed(history.asked, 0, { at: at(30) }) }
  expect(violations(again)).not.toEqual([])
  expect(violations({ ...again, wakes: [at(29)] })).toEqual([])
  expect(violations({ ...again, wakes: [at(31)] })).not.toEqual([])
})

test("a label may be put on again by a worker that slept, in the moment it wakes", () => {
  const history = good()
  const again = { ...history, labelled: [...history.labelled, { issue: 5, at: at(30) }] }
  expect(violations(again)).toEqual([
    expect.stringContaining("issue 5 was labelled 2 times: "),
    "issue 5 was approved and labelled 2 times",
  ])
  expect(violations({ ...again, wakes: [at(29)] })).toEqual([])
})

test("what stands on the later pages of a text message need not arrive before somebody asks for it", () => {
  const history = good()
  const outbox = changed(history.outbox, 0, { tags: ["job-1", "job-2"], firstPage: ["job-1"] }).slice(0, 1)
  const arrived = history.arrived.filter(({ tags }) => !tags.includes("job-2"))
  expect(violations({ ...history, outbox, arrived })).toEqual([])
  const whole = changed(outbox, 0, { firstPage: ["job-1", "job-2"] })
  expect(violations({ ...history, outbox: whole, arrived })).toEqual([expect.stringContaining("never arrived")])
})

test("many messages are judged in proportion to their number", () => {
  const judge = (size: number) =>
    expect(violations(manyOf(size)).filter((line) => !line.includes("approv"))).toEqual([])
  expect(growth(judge, 2500)).toBeLessThan(8)
})

function manyOf(size: number): Evidence {
  const history = good()
  const many = Array.from({ length: size }, (_, index) => index + 10)
  return {
    ...history,
    acknowledged: many.map((n) => ({ lane: "sms", tag: `job-${n}`, sentAt: ms(n), at: ms(n) + 1 })),
    inbox: many.map((n) => ({ ...history.inbox[0], tag: `job-${n}`, threadId: "t", seq: n, runId: `r${n}` })),
    runs: many.map((n) => ({ ...history.runs[0], id: `r${n}`, startedAt: at(n), endedAt: at(n + 1) })),
    journal: many.flatMap((n) => history.journal.slice(0, 2).map((row) => ({ ...row, runId: `r${n}`, answer: n }))),
    outbox: many.map((n) => ({
      ...history.outbox[0],
      runId: `r${n}`,
      seq: n,
      tags: [`job-${n}`],
      firstPage: [`job-${n}`],
    })),
    asked: many.map((n) => ({ no: n, question: `q${n}`, at: at(1) })),
    arrived: many.map((n) => ({ channel: "sms", op: "", text: "", tags: [`job-${n}`] })),
  } as Evidence
}
