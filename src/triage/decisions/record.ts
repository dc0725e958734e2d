/**
 * Record: the tool that stores a decision, and the memory by which a similar issue finds it later. Both are written in the
 * transaction that journals the step, so that there are both or neither, and only once.
 */
import { z } from "zod"
import { ISSUE_KINDS } from "../../contract/work/triage.ts"
import type { Memory } from "../../memory/memory.ts"
import { repoScope } from "../../memory/scope.ts"
import type { TransactionalTool } from "../../tools/tool.ts"
import type { Decisions } from "./decisions.ts"
import { memoryText } from "./evidence.ts"

const recordInput = z.object({
  repo: z.string(),
  number: z.number().int().positive(),
  contentHash: z.string(),
  title: z.string(),
  body: z.string(),
  kind: z.enum(ISSUE_KINDS),
  confidence: z.number().min(0).max(1),
  reason: z.string(),
  method: z.enum(["model", "rules", "neighbours", "person"]),
  hard: z.boolean(),
  labels: z.array(z.string()),
  assignee: z.string().nullable(),
  reusedFrom: z.string().nullable(),
  url: z.string(),
  demo: z.boolean(),
})
export type RecordArgs = z.output<typeof recordInput>

export interface RecordDeps {
  decisions: Pick<Decisions, "record">
  memory: Pick<Memory, "remember">
}

export function createRecordTool({ decisions, memory }: RecordDeps): TransactionalTool<RecordArgs> {
  return {
    name: "record_decision",
    description: "Writes down what was decided about an issue. Used by triage itself.",
    input: recordInput,
    effect: "write",
    needs: "untrusted",
    internal: true,
    replay: "transactional",
    show: ({ repo, number, kind }) => `record that ${repo}#${number} is a ${kind}`,
    async run({ body, ...decision }, { runId, opId, label, now }, tx) {
      const made = await memory.remember(tx, {
        scope: repoScope(decision.repo),
        kind: "decision",
        text: memoryText({ title: decision.title, body }),
        label,
        sources: { run: runId, op: opId },
      })
      const id = await decisions.record(tx, decision, { runId, memoryId: made.id, now })
      return { ok: true, decision: id, memory: made.id }
    },
  }
}
