/**
 * Steps: the things a run does, each made durable by its place on the tape: a value noted, a model asked, messages taken
 * in. A run may be started over at any time, by any worker, and continues where it was. (Tools are called by `act.ts`.)
 */
import { type Label, mix } from "../base/label.ts"
import type { Db } from "../db/db.ts"
import type { Fence } from "../journal/journal.ts"
import type { ModelRequest, ModelResult } from "../model/model.ts"
import { type Steered, takeNewMessages } from "../thread/steering.ts"
import type { Money } from "./money.ts"
import type { Tape } from "./tape.ts"

export interface StepsDeps {
  tape: Tape
  db: Db
  fence: Fence
  label: Label
  ask: (request: ModelRequest) => Promise<ModelResult>
  money: Money
  signal: AbortSignal
}

export interface Steps {
  readonly tape: Tape
  readonly signal: AbortSignal
  /** Of everything that entered the run so far. */
  label(): Label
  taint(label: Label): void
  /** A value computed once a run and kept in its trace. It must survive JSON. */
  note<T>(name: string, make: () => Promise<T>): Promise<T>
  /** Asks a model: intent, reservation, call; the answer is written with what follows from it. */
  model(name: string, request: ModelRequest): Promise<ModelResult>
  /** What people said since the run began, not handed out before. */
  steer(): Promise<string[]>
  /** The thread's `next_seq` up to which messages were handed out: a run may end only if nothing came in since. */
  seen(): number
}

export function createSteps(deps: StepsDeps): Steps {
  const { tape } = deps
  let label = deps.label
  let seen = tape.latest()

  return {
    tape,
    signal: deps.signal,
    label: () => label,
    taint: (other) => {
      label = mix(label, other)
    },
    async note(name, make) {
      const { n, opId, before } = tape.next("note", name)
      if (before.outcome) return recordedAs(before.outcome.result)
      const result = await make()
      tape.keep({ n, phase: "outcome", kind: "note", name, opId, replay: "pure", result })
      return result
    },
    model: (name, request) => askModel(deps, name, request),
    async steer() {
      const { n, opId, before } = tape.ahead()
      const recorded = before?.outcome?.name === "steer"
      if (!recorded && (before || tape.latest() <= seen)) return []
      if (!recorded) {
        seen = tape.latest()
        await tape.write([])
      }
      const messages = recorded
        ? recordedAs<Steered[]>(before.outcome?.result)
        : await takeNewMessages(deps.db, { runId: tape.runId, fence: deps.fence, n, opId })
      if (messages.length > 0) tape.skip()
      for (const message of messages) label = mix(label, message.label)
      return messages.map((message) => message.text)
    },
    seen: () => seen,
  }
}

async function askModel(
  { tape, money, ask, signal }: StepsDeps,
  name: string,
  request: ModelRequest,
): Promise<ModelResult> {
  const { n, opId, before } = tape.next("model", name)
  if (before.outcome) return recordedAs(before.outcome.result)
  const entry = { n, kind: "model" as const, name, opId, replay: "idempotent" as const }
  const schema = request.schema ? { schema: request.schema.name } : {}
  const summary = { messages: request.messages.length, tools: request.tools.length, ...schema }
  await tape.write(before.intent ? [] : [{ ...entry, phase: "intent", request: summary }])
  await money.reserve(opId, tape.runId, request)
  const result = await ask({ ...request, signal })
  await money.settle(opId, result)
  const { input, cached, output } = result.usage
  tape.keep({
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
