/**
 * Shapes: what the command line reads in the server's answers. Objects are loose, since a newer server may say more,
 * and `--json` passes on all of it; what a page can do without is optional here.
 */
import { z } from "zod"

const text = z.string().nullish()
const number = z.number().nullish()

export const anything = z.unknown()

export const answerSchema = z.looseObject({
  thread: z.string(),
  id: z.string(),
  run: text,
  /** Absent while there is none; null when there will be none. */
  reply: text,
})
export type Answer = z.infer<typeof answerSchema>

/** Something said in a conversation. */
export const letterSchema = z.looseObject({ text: z.string(), from: text, runId: text })
export const cursorSchema = z.looseObject({ cursor: z.number() })
export type Letter = z.infer<typeof letterSchema>

const runSchema = z.looseObject({
  id: z.string(),
  channel: text,
  kind: z.string(),
  state: z.string(),
  model: text,
  trigger: text,
  attempts: number,
  error: z.unknown().optional(),
  startedAt: z.string(),
  endedAt: text,
  durationMs: number,
  inputTokens: number,
  cachedTokens: number,
  outputTokens: number,
  costUsd: number,
})
export type RunRow = z.infer<typeof runSchema>
export const runsSchema = z.looseObject({ runs: z.array(runSchema) })

const stepSchema = z.looseObject({
  n: z.number(),
  kind: z.string(),
  name: z.string(),
  state: text,
  verdict: z.looseObject({ decision: z.string(), reason: text }).nullish(),
  request: z.unknown().optional(),
  result: z.unknown().optional(),
  inputTokens: number,
  cachedTokens: number,
  outputTokens: number,
  costUsd: number,
  durationMs: number,
})
export type StepRow = z.infer<typeof stepSchema>

const contextSchema = z.looseObject({
  sections: z.array(z.looseObject({ name: z.string(), tokens: z.number() })).default([]),
  recalled: z
    .array(z.looseObject({ id: z.union([z.string(), z.number()]), text: z.string(), score: number }))
    .default([]),
})

const questionSchema = z.looseObject({
  code: z.string(),
  display: z.string(),
  state: text,
  createdAt: text,
  expiresAt: text,
})

export const runDetailSchema = runSchema.extend({
  codeVersion: text,
  label: z.looseObject({ integrity: z.string(), confidentiality: z.string() }).nullish(),
  steps: z.array(stepSchema).default([]),
  context: contextSchema.nullish(),
  questions: z.array(questionSchema).default([]),
  replies: z
    .array(
      z.looseObject({
        channel: z.string(),
        text: z.string(),
        state: z.string(),
        providerId: text,
        error: z.unknown().optional(),
      }),
    )
    .default([]),
})
export type RunDetail = z.infer<typeof runDetailSchema>

export const approvalsSchema = z.looseObject({ approvals: z.array(questionSchema) })
export const decidedSchema = z.looseObject({ code: z.string(), state: z.string() })

const id = z.union([z.string(), z.number()])

const automationSchema = z.looseObject({
  id,
  name: text,
  title: text,
  sentence: text,
  zone: text,
  state: text,
  nextAt: text,
})
export type AutomationRow = z.infer<typeof automationSchema>
export const automationsSchema = z.looseObject({ automations: z.array(automationSchema) })

const memorySchema = z.looseObject({ id, kind: text, text: z.string(), score: number, recordedAt: text })
export type MemoryRow = z.infer<typeof memorySchema>
export const memoriesSchema = z.looseObject({ memories: z.array(memorySchema) })

const secretSchema = z.looseObject({
  name: z.string(),
  hosts: z.array(z.string()).default([]),
  tools: z.array(z.string()).default([]),
  updatedAt: text,
  lastUse: z.looseObject({ at: z.string(), tool: text, host: text }).nullish(),
})
export type SecretRow = z.infer<typeof secretSchema>
export const secretsSchema = z.looseObject({ secrets: z.array(secretSchema) })

const channelSchema = z.looseObject({ id: z.string(), state: z.string(), detail: text })
export type ChannelRow = z.infer<typeof channelSchema>

const channelReportSchema = channelSchema.extend({
  takes: text,
  findings: z.array(z.looseObject({ severity: z.string(), message: z.string(), fix: z.string() })).default([]),
  paused: z.looseObject({ failures: z.number(), until: z.string() }).nullish(),
  lastInAt: text,
  lastOutAt: text,
  waiting: number,
  failed: number,
})
export type ChannelReport = z.infer<typeof channelReportSchema>
export const channelsSchema = z.looseObject({ channels: z.array(channelReportSchema) })

export const statusSchema = z.looseObject({
  version: text,
  model: z.looseObject({ provider: z.string(), model: z.string(), offline: z.boolean().optional(), because: text }),
  channels: z.array(channelSchema).default([]),
  database: z.looseObject({ kind: z.string() }).nullish(),
})
export type Status = z.infer<typeof statusSchema>

export const readinessSchema = z.looseObject({ ready: z.boolean(), reasons: z.array(z.string()).default([]) })

export const rowSchema = z.record(z.string(), z.unknown())

export const linkSchema = z.looseObject({ url: z.string(), expiresInMinutes: number })

export const demoSchema = z.looseObject({
  issues: z.number(),
  applied: z.number(),
  pending: z.number(),
  digest: z.string(),
  segments: number,
})

const rotaSchema = z.looseObject({
  zone: text,
  start: z.string(),
  everyDays: z.number(),
  logins: z.array(z.string()),
  overrides: z.array(z.looseObject({ from: z.string(), to: z.string(), login: z.string() })).default([]),
})
export type Rota = z.infer<typeof rotaSchema>
export const rotaAnswerSchema = z.looseObject({ rota: rotaSchema.nullable() })

const decisionSchema = z.looseObject({
  repo: z.string(),
  number: z.number(),
  title: text,
  kind: text,
  correctedTo: text,
  confidence: number,
  method: text,
  assignee: text,
  state: text,
  decidedAt: text,
})
export type DecisionRow = z.infer<typeof decisionSchema>
export const decisionsSchema = z.looseObject({ decisions: z.array(decisionSchema) })

export const pairingSchema = z.looseObject({ code: z.string(), person: z.string(), expiresAt: z.string() })
