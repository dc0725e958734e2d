/** Promises: what the design promises, each with the proofs that could have shown it broken, or why there is none yet. */
import { suite } from "./suite.ts"

export interface Promised {
  promise: string
  goal: string
  /** Names of proofs; all of them must hold. */
  proofs: string[]
  /** What is not proven, in one sentence. */
  notYet?: string
}

export const SUITES = [
  suite("twice delivered", ["test/thread/inbox/inbox.test.ts", "test/http/webhooks/webhooks.test.ts"]),
  suite("webhooks that heal", ["test/story/github.test.ts", "test/story/github-redelivery.test.ts"]),
  suite("due instants", [
    "test/schedule/automations/automations.test.ts",
    "test/schedule/recurrence/recurrence.test.ts",
  ]),
  suite("daily digest", ["test/digest/delivery.test.ts"]),
  suite("cap", ["test/journal/ledger.test.ts", "test/agent/durable/budget.test.ts"]),
]

export const PROMISES: Promised[] = [
  {
    promise: "an acknowledged event is never lost",
    goal: "0 of ≥ 10,000 over ≥ 200 kill -9",
    proofs: ["kill loop", "crash points", "graceful stop"],
  },
  {
    promise: "nothing happens twice",
    goal: "≤ 1 effect per op_id, or listed as unknown",
    proofs: ["kill loop", "crash points", "twice delivered"],
  },
  { promise: "a stale worker changes nothing", goal: "0 stale-epoch writes", proofs: ["zombies", "kill loop"] },
  { promise: "a missed GitHub webhook heals", goal: "≤ 15 min", proofs: ["webhooks that heal"] },
  {
    promise: "every due instant has an end",
    goal: "instants = rows, after random kills, both DST days",
    proofs: ["due instants", "kill loop", "clock jumps"],
  },
  {
    promise: "one digest per local day",
    goal: "exactly 1, within 60 s, also after an outage over 8:00",
    proofs: ["daily digest", "clock jumps"],
  },
  {
    promise: "approval = what was shown",
    goal: "0 of 10,000 mutations pass; single use under 50-way race",
    proofs: ["approvals"],
  },
  {
    promise: "a hijacked model can do nothing it was not granted",
    goal: "0 of ≥ 5,000 attack cells; each policy removed turns the suite red",
    proofs: [],
    notYet: "the verdict function has its tests, but the suite of attack cells through the real loop is not built",
  },
  {
    promise: "secrets stay secret",
    goal: "0 canary hits, 10 encodings, every table, log, trace, prompt, reply",
    proofs: ["secrets"],
  },
  {
    promise: "no request reaches a private address",
    goal: "0 of ≥ 80 payloads, rebinding and redirects too",
    proofs: [],
    notYet:
      "there is no tool that fetches addresses from content yet; media are fetched from their provider's hosts only, under test",
  },
  { promise: "the cap holds", goal: "overshoot ≤ 1 call, 8 workers", proofs: ["cap"] },
  {
    promise: "memory survives",
    goal: "restore = original, row for row; restart, upgrade, snapshot, PGlite → Postgres",
    proofs: [],
    notYet:
      "restarts, kills and power cuts are in the rows above and below; backup, restore, snapshots and the move to Postgres are not built",
  },
  {
    promise: "a pulled plug loses nothing (embedded)",
    goal: "0 acknowledged rows of ≥ 200 simulated power cuts, every one reopens",
    proofs: ["power cuts"],
  },
  {
    promise: "it stays up",
    goal: "Postgres restarted every 5–10 s: nothing lost, ready again ≤ 10 s; soak: RSS flat",
    proofs: ["database restarts", "soak", "long soak", "listeners dropped", "bad connections", "disk full"],
  },
]
