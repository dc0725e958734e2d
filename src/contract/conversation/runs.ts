/** Runs: one piece of the agent's work each, in short and as a trace with every step. */
import { z } from "zod"
import { instant } from "../instant.ts"
import { labelSchema } from "../label.ts"
import { approvalSchema } from "./approvals.ts"

export const RUN_STATES = ["running", "waiting", "done", "failed", "cancelled"] as const

const id = z.uuid()
/** Tokens; null where no model was called. */
const tokens = z.number().nullable()
/** US dollars; null when the price is not known. */
const costUsd = z.number().nullable()
/** Milliseconds; null until it ended. */
const durationMs = z.number().nullable()
const failure = z.object({ code: z.string(), message: z.string() })

export const runSchema = z.object({
  id,
  threadId: id,
  channel: z.string(),
  threadKey: z.string(),
  /** Of what set it off: `message`, `command`, `issue`, `due`, `hook`. */
  kind: z.string(),
  state: z.enum(RUN_STATES),
  /** Null when no model answered. */
  model: z.string().nullable(),
  /** What set it off, at most 200 characters. */
  trigger: z.string(),
  /** Tries that failed. */
  attempts: z.number(),
  error: failure.nullable(),
  startedAt: instant,
  endedAt: instant.nullable(),
  durationMs,
  inputTokens: z.number(),
  /** Of the input tokens. */
  cachedTokens: z.number(),
  outputTokens: z.number(),
  costUsd,
})
export type RunRow = z.output<typeof runSchema>

const stepSchema = z.object({
  /** From 0. */
  n: z.number(),
  kind: z.enum(["model", "tool", "wait", "note"]),
  name: z.string(),
  /** `open`: begun, and no outcome yet. `failed`: the outcome is a failure, as data. */
  state: z.enum(["open", "done", "failed"]),
  /** What the policy said of a tool, or a person of an approval. */
  verdict: z.object({ decision: z.string(), reason: z.string() }).nullable(),
  /** As journalled: each model and tool has its own shape. */
  request: z.unknown(),
  result: z.unknown(),
  inputTokens: tokens,
  cachedTokens: tokens,
  outputTokens: tokens,
  costUsd,
  startedAt: instant,
  endedAt: instant.nullable(),
  durationMs,
})
export type StepRow = z.output<typeof stepSchema>

/**
 * What the model was shown: sizes by section, the memories that were recalled, and the words themselves. Loose, since a run of
 * any earlier version is read by it.
 */
export const contextSchema = z.looseObject({
  sections: z.array(z.looseObject({ name: z.string(), tokens: z.number() })).default([]),
  recalled: z
    .array(z.looseObject({ id: z.union([z.number(), z.string()]), text: z.string(), score: z.number() }))
    .default([]),
  /** Rules and persona. */
  system: z.string().exactOptional(),
  messages: z.array(z.looseObject({ role: z.string(), text: z.string().exactOptional() })).exactOptional(),
  /** What changes with every message, last in the prompt. */
  volatile: z.string().exactOptional(),
  label: labelSchema.exactOptional(),
})

export const traceSchema = runSchema.extend({
  /** Of Vigil, when the run began. */
  codeVersion: z.string(),
  label: labelSchema,
  /** What came in for it, oldest first. */
  events: z.array(
    z.object({
      id,
      seq: z.number(),
      kind: z.string(),
      source: z.string(),
      state: z.string(),
      label: labelSchema,
      /** As accepted: each kind has its own shape. */
      payload: z.unknown(),
      receivedAt: instant,
    }),
  ),
  steps: z.array(stepSchema),
  /** Null when the run made no prompt. */
  context: contextSchema.nullable(),
  /** What a person was asked. */
  questions: z.array(approvalSchema),
  replies: z.array(
    z.object({
      id,
      channel: z.string(),
      target: z.string(),
      text: z.string(),
      state: z.string(),
      /** The channel's own id of the message; several parts are joined with `,`. */
      providerId: z.string().nullable(),
      attempts: z.number(),
      error: z
        .object({ code: z.string(), message: z.string().exactOptional(), repeat: z.boolean().exactOptional() })
        .nullable(),
      createdAt: instant,
      sentAt: instant.nullable(),
    }),
  ),
})
export type RunTrace = z.output<typeof traceSchema>

export const runsQuery = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  /** Id of a run: only older ones. */
  before: id.optional(),
  state: z.enum(RUN_STATES).optional(),
  thread: id.optional(),
})

/** Newest first. */
export const runsAnswer = z.object({ runs: z.array(runSchema) })

/** The id, or its beginning: at least eight characters. */
export const runParams = z.object({ id: z.string().max(36) })
