/**
 * Steps: the things a run does, each made durable by its place in the journal: a value noted, a model asked, a tool called,
 * messages taken in. A run may be started over at any time, by any worker, and continues where it was.
 *
 * S5 A step that was made once is not made again: its value comes from the journal.
 * S6 A call that costs money has its intent in the journal and its reservation in the ledger before it is made.
 * S7 Messages are handed out once, at one place: whoever goes on with the run gets them there again.
 * S8 The label only ever falls: everything that enters the run lowers it.
 * (S1 to S4: `tool-step.ts`.)
 */
import { Limit, Reject, Retry } from "../../base/errors.ts"
import { type Label, mix } from "../../base/label.ts"
import type { Entry } from "../../journal/journal.ts"
import type { Model, ModelRequest, ModelResult } from "../../model/model.ts"
import { rewriteMessage } from "../../thread/inbox/media.ts"
import { type Steered, takeNewMessages } from "../../thread/runs/steering.ts"
import type { Budget } from "./budget.ts"
import { createJournalCursor, type JournalCursor, type JournalCursorDeps } from "./journal-cursor.ts"
import { createToolStep, type ToolStep } from "./tool-step.ts"

export interface StepsDeps extends JournalCursorDeps {
  label: Label
  model: Pick<Model, "ask">
  budget: Budget
  signal: AbortSignal
}

type Paid = Pick<ModelResult, "usage" | "cost" | "model">

export interface PaidCall<T> {
  /** For the trace. */
  request: unknown
  model: string
  /** The most it can cost in US dollars; null when unpriced. */
  amount: () => number | null
  make: () => Promise<T>
}

export interface Steps {
  readonly signal: AbortSignal
  /** Of everything that entered the run so far. */
  label(): Label
  taint(label: Label): void
  /** A value computed once a run and kept in its trace. It must survive JSON. */
  note<T>(name: string, make: () => Promise<T>): Promise<T>
  /** Asks a model: intent, reservation, call; the answer is written with what follows from it. */
  model(name: string, request: ModelRequest): Promise<ModelResult>
  /**
   * The same for who can go on without an answer: null when the model is away, refuses or is too dear, and null for good,
   * whoever goes on with the run.
   */
  modelOrNull(name: string, request: ModelRequest): Promise<ModelResult | null>
  /** Any other call that is paid for, made durable in the same way; `make` must survive JSON. */
  paid<T extends Paid>(name: string, call: PaidCall<T>): Promise<T>
  /** The next step, which calls a tool. */
  tool(name: string): ToolStep
  /** What people said since the run began, not handed out before. */
  steer(): Promise<Steered[]>
  /** Puts what a message turned out to say where people and later turns read it. */
  retell(inboxId: string, text: string): Promise<void>
  /** The thread's `next_seq` up to which messages were handed out: a run may end only if nothing came in since. */
  seen(): number
  /** Writes what was kept so far. */
  flush(): Promise<void>
  /** What was kept and not yet written, for the statement that ends the run. */
  drain(): Entry[]
  /** Writes `drained`, which ended no run after all, and goes back to the first step. */
  rewind(drained: Entry[]): Promise<void>
}

/** What the kinds of steps are made of. */
interface StepParts extends StepsDeps {
  cursor: JournalCursor
}

export function createSteps(deps: StepsDeps): Steps {
  const cursor = createJournalCursor(deps)
  const parts = { ...deps, cursor }
  let label = deps.label
  let seen = cursor.latest()

  return {
    signal: deps.signal,
    label: () => label,
    taint: (other) => {
      label = mix(label, other) // S8
    },
    async note(name, make) {
      const { n, opId, before } = cursor.next("note", name)
      if (before.outcome) return recordedAs(before.outcome.result) // S5
      const result = await make()
      cursor.keep({ n, phase: "outcome", kind: "note", name, opId, replay: "pure", result })
      return result
    },
    model: (name, request) => askModel(parts, name, request),
    modelOrNull: (name, request) => askOrGoOn(parts, name, request),
    paid: (name, call) => pay(parts, name, call),
    tool: (name) => createToolStep(cursor, deps.db, name),
    retell: (inboxId, text) => rewriteMessage(deps.db, deps.fence, inboxId, text),
    async steer() {
      const { n, opId, before } = cursor.ahead()
      const recorded = before?.outcome?.name === "steer"
      if (!recorded && (before || cursor.latest() <= seen)) return []
      if (!recorded) {
        seen = cursor.latest()
        await cursor.write([])
      }
      const messages = recorded
        ? recordedAs<Steered[]>(before.outcome?.result)
        : await takeNewMessages(deps.db, { runId: cursor.runId, fence: deps.fence, n, opId })
      const entry = {
        n,
        opId,
        phase: "outcome",
        kind: "note",
        name: "steer",
        replay: "pure",
        result: messages,
      } as const
      if (messages.length > 0) cursor.skip(entry) // S7
      for (const message of messages) label = mix(label, message.label)
      return messages
    },
    seen: () => seen,
    flush: () => cursor.write([]),
    drain: () => cursor.drain(),
    async rewind(drained) {
      cursor.keep(...drained)
      await cursor.write([])
      cursor.rewind()
    },
  }
}

async function askModel(deps: StepParts, name: string, request: ModelRequest): Promise<ModelResult> {
  const schema = request.schema ? { schema: request.schema.name } : {}
  return charged(deps, name, {
    request: { messages: request.messages.length, tools: request.tools.length, ...schema },
    reserve: (opId) => deps.budget.reserve(opId, deps.cursor.runId, request),
    make: () => deps.model.ask({ ...request, signal: deps.signal }),
  })
}

async function askOrGoOn(deps: StepParts, name: string, request: ModelRequest): Promise<ModelResult | null> {
  const { n, opId, before } = deps.cursor.ahead()
  if (before?.resolution) {
    deps.cursor.next("model", name)
    return null
  }
  try {
    return await askModel(deps, name, request)
  } catch (error) {
    const isWithout = error instanceof Limit || error instanceof Reject || error instanceof Retry
    // A worker that stops is no word about the model: the next one asks.
    if (!isWithout || deps.signal.aborted) throw error
    const result = { ok: false, code: error.code, message: error.message }
    deps.cursor.keep({ n, phase: "resolution", kind: "model", name, opId, replay: "idempotent", result })
    return null
  }
}

function pay<T extends Paid>(deps: StepParts, name: string, { request, model, amount, make }: PaidCall<T>): Promise<T> {
  const reserve = (opId: string) => deps.budget.reserve(opId, deps.cursor.runId, { model, amount: amount() })
  return charged(deps, name, { request, reserve, make })
}

interface Charged<T> {
  request: unknown
  reserve: (opId: string) => Promise<void>
  make: () => Promise<T>
}

async function charged<T extends Paid>({ cursor, budget }: StepParts, name: string, call: Charged<T>): Promise<T> {
  const { n, opId, before } = cursor.next("model", name)
  if (before.outcome) return recordedAs(before.outcome.result) // S5
  const entry = { n, kind: "model" as const, name, opId, replay: "idempotent" as const }
  await cursor.write(before.intent ? [] : [{ ...entry, phase: "intent", request: call.request }]) // S6
  await call.reserve(opId) // S6
  const result = await call.make()
  await budget.settle(opId, result)
  const { input, cached, output } = result.usage
  cursor.keep({
    ...entry,
    phase: "outcome",
    result,
    inputTokens: input,
    cachedTokens: cached,
    outputTokens: output,
    costUsd: result.cost,
  })
  return result
}

/** The journal gives back what this very code wrote at this step (`refuseOther` saw to that), so its shape is known. */
function recordedAs<T>(value: unknown): T {
  return value as T
}
