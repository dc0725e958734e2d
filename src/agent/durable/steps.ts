/**
 * Steps: the things a run does, each made durable by its place on the cursor: a value noted, a model asked, messages taken
 * in. A run may be started over at any time, by any worker, and continues where it was. (Tools are called by `act.ts`.)
 */
import { Limit, Reject, Retry } from "../../base/errors.ts"
import { type Label, mix } from "../../base/label.ts"
import type { Db } from "../../db/db.ts"
import type { Fence } from "../../journal/journal.ts"
import type { ModelRequest, ModelResult } from "../../model/model.ts"
import { rewriteMessage } from "../../thread/inbox/media.ts"
import { type Steered, takeNewMessages } from "../../thread/runs/steering.ts"
import type { Budget } from "./budget.ts"
import type { JournalCursor } from "./journal-cursor.ts"

export interface StepsDeps {
  cursor: JournalCursor
  db: Db
  fence: Fence
  label: Label
  ask: (request: ModelRequest) => Promise<ModelResult>
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
  readonly cursor: JournalCursor
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
  /** What people said since the run began, not handed out before. */
  steer(): Promise<Steered[]>
  /** Puts what a message turned out to say where people and later turns read it. */
  retell(inboxId: string, text: string): Promise<void>
  /** The thread's `next_seq` up to which messages were handed out: a run may end only if nothing came in since. */
  seen(): number
}

export function createSteps(deps: StepsDeps): Steps {
  const { cursor } = deps
  let label = deps.label
  let seen = cursor.latest()

  return {
    cursor,
    signal: deps.signal,
    label: () => label,
    taint: (other) => {
      label = mix(label, other)
    },
    async note(name, make) {
      const { n, opId, before } = cursor.next("note", name)
      if (before.outcome) return recordedAs(before.outcome.result)
      const result = await make()
      cursor.keep({ n, phase: "outcome", kind: "note", name, opId, replay: "pure", result })
      return result
    },
    model: (name, request) => askModel(deps, name, request),
    modelOrNull: (name, request) => askOrGoOn(deps, name, request),
    paid: (name, call) => pay(deps, name, call),
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
      if (messages.length > 0) cursor.skip(entry)
      for (const message of messages) label = mix(label, message.label)
      return messages
    },
    seen: () => seen,
  }
}

async function askModel(deps: StepsDeps, name: string, request: ModelRequest): Promise<ModelResult> {
  const schema = request.schema ? { schema: request.schema.name } : {}
  return charged(deps, name, {
    request: { messages: request.messages.length, tools: request.tools.length, ...schema },
    reserve: (opId) => deps.budget.reserve(opId, deps.cursor.runId, request),
    make: () => deps.ask({ ...request, signal: deps.signal }),
  })
}

async function askOrGoOn(deps: StepsDeps, name: string, request: ModelRequest): Promise<ModelResult | null> {
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

function pay<T extends Paid>(deps: StepsDeps, name: string, { request, model, amount, make }: PaidCall<T>): Promise<T> {
  const reserve = (opId: string) => deps.budget.reserve(opId, deps.cursor.runId, { model, amount: amount() })
  return charged(deps, name, { request, reserve, make })
}

interface Charged<T> {
  request: unknown
  reserve: (opId: string) => Promise<void>
  make: () => Promise<T>
}

async function charged<T extends Paid>({ cursor, budget }: StepsDeps, name: string, call: Charged<T>): Promise<T> {
  const { n, opId, before } = cursor.next("model", name)
  if (before.outcome) return recordedAs(before.outcome.result)
  const entry = { n, kind: "model" as const, name, opId, replay: "idempotent" as const }
  await cursor.write(before.intent ? [] : [{ ...entry, phase: "intent", request: call.request }])
  await call.reserve(opId)
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
