/**
 * Steps: makes a run durable. Each step has a number; what the journal already holds for that number is handed
 * back instead of being done again, so a run may be started over at any time, by any worker, and continues where it was.
 * Outcomes are written together with the next intent, in one statement: nothing happens on an unwritten outcome.
 */
import type { Clock } from "../base/clock.ts"
import { idOf } from "../base/ids.ts"
import type { Label } from "../base/label.ts"
import { mix } from "../base/label.ts"
import type { Db, Tx } from "../db/db.ts"
import { append, type Entry, type Fence, type StepKind, type StoredEntry, type ThreadNews } from "../journal/journal.ts"
import type { ModelRequest, ModelResult } from "../model/model.ts"
import { takeNewMessages } from "../thread/steering.ts"
import type { Money } from "./money.ts"
import { Cancelled, Diverged } from "./signals.ts"

export interface StepsDeps {
  db: Db
  clock: Clock
  runId: string
  fence: Fence
  /** What the journal holds of this run; empty for a fresh one. */
  recorded: StoredEntry[]
  /** Seq of the last event the run answers: a stop after it is meant for this run. */
  lastSeq: number
  news: ThreadNews
  label: Label
  ask: (request: ModelRequest) => Promise<ModelResult>
  money: Money
  /** Removes secrets from what is about to be written. */
  scrub: (text: string) => string
  signal: AbortSignal
}

export interface Recorded {
  intent?: StoredEntry
  outcome?: StoredEntry
  resolution?: StoredEntry
}

export interface Steps {
  readonly runId: string
  readonly signal: AbortSignal
  /** Of everything that entered the run so far. */
  label(): Label
  taint(label: Label): void
  /** The next step's number, and what is recorded for it. Throws `Diverged` when that is another step. */
  next(kind: StepKind, name: string): { n: number; opId: string; before: Recorded }
  peek(n: number): Recorded
  /** Leaves `entries` to be written with the next write. */
  keep(...entries: Entry[]): void
  /** Writes what was kept, then `entries`, in one statement. Throws `Fenced` or `Cancelled`. */
  write(entries: Entry[], tx?: Tx): Promise<void>
  /** What was kept and not yet written, for the statement that ends the run. */
  drain(): Entry[]
  /** The thread's `next_seq` as last seen: a run may end only if nothing came in since. */
  seen(): number
  /** A value computed once a run and kept in its trace. */
  note<T>(name: string, make: () => Promise<T>): Promise<T>
  model(name: string, request: ModelRequest): Promise<ModelResult>
  /** What people said since the run began, not handed out before. */
  steer(): Promise<string[]>
  /** Asks the thread's row itself for news, at the cost of a query. */
  look(): Promise<void>
  /** Back to the first step, to go through the handler again with what was recorded. */
  rewind(): void
}

export function createSteps(deps: StepsDeps): Steps {
  const recorded = group(deps.recorded)
  let cursor = 0
  let kept: Entry[] = []
  let label = deps.label
  let news = deps.news
  let steered = deps.news.nextSeq

  const scrubbed = (entry: Entry): Entry => {
    const clean = (value: unknown): unknown =>
      value === undefined ? undefined : JSON.parse(deps.scrub(JSON.stringify(value)))
    return { ...entry, request: clean(entry.request), result: clean(entry.result) }
  }
  const remember = (entries: Entry[]) => {
    for (const entry of entries)
      recorded.set(entry.n, { ...recorded.get(entry.n), [entry.phase]: { ...entry, id: 0, at: deps.clock.now() } })
  }

  const steps: Steps = {
    runId: deps.runId,
    signal: deps.signal,
    label: () => label,
    taint: (other) => {
      label = mix(label, other)
    },
    next(kind, name) {
      const n = cursor++
      const before = recorded.get(n) ?? {}
      const was = before.intent ?? before.outcome
      if (was && was.kind !== "wait" && (was.kind !== kind || was.name !== name))
        throw new Diverged(n, `${was.kind} ${was.name}`, `${kind} ${name}`)
      return { n, opId: idOf(`${deps.runId}:${n}`), before }
    },
    peek: (n) => recorded.get(n) ?? {},
    keep: (...entries) => {
      kept.push(...entries.map(scrubbed))
    },
    async write(entries, tx = deps.db) {
      const all = [...kept, ...entries.map(scrubbed)]
      news = await append(tx, deps.runId, deps.fence, all)
      remember(all)
      kept = []
      // Inside a transaction of the caller's a throw would undo what it is about to commit: the next write sees the stop.
      if (tx === deps.db && news.stopSeq > deps.lastSeq) throw new Cancelled()
    },
    drain() {
      remember(kept)
      const all = kept
      kept = []
      return all
    },
    seen: () => steered,
    async note(name, make) {
      const { n, opId, before } = steps.next("note", name)
      if (before.outcome) return before.outcome.result as Awaited<ReturnType<typeof make>>
      const result = await make()
      steps.keep({ n, phase: "outcome", kind: "note", name, opId, replay: "pure", result })
      return result
    },
    async model(name, request) {
      const { n, opId, before } = steps.next("model", name)
      if (before.outcome) return before.outcome.result as ModelResult
      const entry = { n, kind: "model" as const, name, opId, replay: "idempotent" as const }
      const summary = {
        messages: request.messages.length,
        tools: request.tools.length,
        ...(request.schema ? { schema: request.schema.name } : {}),
      }
      await steps.write(before.intent ? [] : [{ ...entry, phase: "intent", request: summary }])
      await deps.money.reserve(opId, deps.runId, request)
      const result = await deps.ask({ ...request, signal: deps.signal })
      await deps.money.settle(opId, result)
      const { usage, cost } = result
      steps.keep({
        ...entry,
        phase: "outcome",
        result,
        inputTokens: usage.input,
        cachedTokens: usage.cached,
        outputTokens: usage.output,
        costUsd: cost,
      })
      return result
    },
    async steer() {
      const known = recorded.get(cursor)?.outcome
      if (known?.kind === "note" && known.name === "steer") {
        cursor++
        return steeredTexts(known.result)
      }
      if (recorded.has(cursor) || news.nextSeq <= steered) return []
      steered = news.nextSeq
      const n = cursor
      await steps.write([])
      const messages = await takeNewMessages(deps.db, {
        runId: deps.runId,
        fence: deps.fence,
        n,
        opId: idOf(`${deps.runId}:${n}`),
      })
      if (messages.length === 0) return []
      cursor++
      steps.taint(mix(label, ...messages.map((m) => m.label)))
      return messages.map((m) => m.text)
    },
    async look() {
      await steps.write([])
    },
    rewind() {
      cursor = 0
    },
  }
  return steps
}

function group(entries: StoredEntry[]): Map<number, Recorded> {
  const byStep = new Map<number, Recorded>()
  for (const entry of entries) byStep.set(entry.n, { ...byStep.get(entry.n), [entry.phase]: entry })
  return byStep
}

function steeredTexts(result: unknown): string[] {
  return (result as { text: string }[]).map((message) => message.text)
}
