/** Answers of the API for the server's stand-in: one whole row of each kind, of which a test changes what it is about. */
import type { z } from "zod"
import type { approvalSchema } from "../../src/contract/conversation/approvals.ts"
import type { messageSchema } from "../../src/contract/conversation/messages.ts"
import type { runSchema, traceSchema } from "../../src/contract/conversation/runs.ts"
import type { channelsAnswer } from "../../src/contract/installation/channels.ts"
import type { secretsAnswer } from "../../src/contract/installation/secrets.ts"
import type { spendAnswer } from "../../src/contract/installation/spend.ts"
import type { statusAnswer } from "../../src/contract/installation/status.ts"
import type { demoAnswer } from "../../src/contract/work/demo.ts"
import type { memoriesAnswer } from "../../src/contract/work/memories.ts"
import type { decisionsAnswer } from "../../src/contract/work/triage.ts"

const AT = "2026-11-22T09:00:00.000Z"
export const THREAD = "0199c1de-0000-7000-8000-00000000000a"
const RUN_ID = "0199c1de-0000-7000-8000-000000000001"

export const STATUS: z.input<typeof statusAnswer> = {
  version: "0.1.0",
  model: { provider: "offline", model: "offline", offline: true, because: "no model is set" },
  channels: [{ id: "web", state: "ready", detail: "here" }],
  database: { kind: "pglite" },
  owner: { zone: "Europe/Lisbon", hostZone: "UTC" },
  memoryMb: 120,
}

export const RUN: z.input<typeof runSchema> = {
  id: RUN_ID,
  threadId: THREAD,
  channel: "web",
  threadKey: "web:owner",
  kind: "message",
  state: "done",
  model: null,
  trigger: "hello",
  attempts: 0,
  error: null,
  startedAt: AT,
  endedAt: AT,
  durationMs: 12,
  inputTokens: 0,
  cachedTokens: 0,
  outputTokens: 0,
  costUsd: 0,
}

export const STEP: z.input<typeof traceSchema>["steps"][number] = {
  n: 0,
  kind: "note",
  name: "context",
  state: "done",
  verdict: null,
  request: null,
  result: null,
  inputTokens: null,
  cachedTokens: null,
  outputTokens: null,
  costUsd: null,
  startedAt: AT,
  endedAt: AT,
  durationMs: null,
}

export const APPROVAL: z.input<typeof approvalSchema> = {
  code: "K7",
  kind: "approval",
  tool: "remind",
  args: "{}",
  display: "remind Ana",
  state: "approved",
  answeredVia: "web",
  answeredAt: AT,
  createdAt: AT,
  expiresAt: AT,
  runId: RUN_ID,
  threadId: THREAD,
}

export const REPLY: z.input<typeof traceSchema>["replies"][number] = {
  id: "0199c1de-0000-7000-8000-0000000000b1",
  channel: "telegram",
  target: "42",
  text: "Done.",
  state: "sent",
  providerId: null,
  attempts: 1,
  error: null,
  createdAt: AT,
  sentAt: null,
}

export const MESSAGE: z.input<typeof messageSchema> = {
  id: "0199c1de-0000-7000-8000-0000000000c1",
  from: "vigil",
  text: "hello",
  at: AT,
  state: "sent",
  runId: RUN_ID,
  buttons: [],
}

export const MEMORY: z.input<typeof memoriesAnswer>["memories"][number] = {
  id: 4,
  scope: "person:owner",
  kind: "fact",
  text: "likes tea",
  label: { integrity: "owner", confidentiality: "private" },
  sources: {},
  recordedAt: AT,
  score: 0.87,
  parts: { lexical: 0.87 },
}

export const SECRET: z.input<typeof secretsAnswer>["secrets"][number] = {
  name: "GITHUB_TOKEN",
  version: 1,
  hosts: ["api.github.com"],
  tools: ["settings"],
  createdAt: AT,
  updatedAt: AT,
  lastUse: null,
  refused: 0,
}

export const CHANNEL: z.input<typeof channelsAnswer>["channels"][number] = {
  id: "sms",
  state: "ready",
  detail: "+15550001111",
  takes: "webhook",
  findings: [],
  paused: null,
  lastInAt: null,
  lastOutAt: null,
  waiting: 0,
  failed: 0,
}

export const DECISION: z.input<typeof decisionsAnswer>["decisions"][number] = {
  id: "0199c1de-0000-7000-8000-0000000000d1",
  repo: "o/r",
  number: 812,
  contentHash: "x",
  title: "It breaks",
  kind: "bug",
  confidence: 0.914,
  reason: "it says so",
  method: "rules",
  hard: false,
  labels: ["bug"],
  assignee: null,
  reusedFrom: null,
  url: "https://github.com/o/r/issues/812",
  demo: false,
  state: "pending",
  correctedTo: null,
  correctedAssignee: null,
  runId: RUN_ID,
  memoryId: null,
  decidedAt: AT,
}

export const DEMO: z.input<typeof demoAnswer> = {
  issues: 10,
  applied: 8,
  declined: 0,
  pending: 2,
  byKind: { bug: 4, feature: 3, question: 2, docs: 1 },
  approvals: [{ code: "K7", display: "label it" }],
  unfinished: 0,
  digest: "Triage: 10 issues",
  segments: 2,
}

const SUM = { calls: 1, tokens: 90, usd: 0.5, unpriced: 0 }
export const SPEND: z.input<typeof spendAnswer> = {
  today: SUM,
  month: SUM,
  byModel: [{ model: "m", ...SUM }],
  caps: { dailyUsd: 5, monthlyUsd: null },
}
