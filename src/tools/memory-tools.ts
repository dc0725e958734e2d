/**
 * Memory tools: remember, recall and forget memories about the person for whom the run works. They never reach another
 * person's scope.
 */
import { z } from "zod"
import { type Label, mix } from "../base/label.ts"
import type { Memory, StoredMemory } from "../memory/memory.ts"
import { personScope } from "../memory/scope.ts"
import { type EffectTool, failed, type Tool, type TransactionalTool } from "./tool.ts"

/** Memories that one recall returns. */
const RECALLED = 8
/** Characters of a memory in an approval. */
const SHOWN = 60

const remembering = z.strictObject({
  text: z
    .string()
    .trim()
    .min(1)
    .max(4000)
    .describe("One self-contained sentence; dates absolute, names instead of pronouns"),
  kind: z.enum(["fact", "preference", "decision", "procedure"]).optional().describe("fact when left out"),
})
const recalling = z.strictObject({ query: z.string().trim().min(1).max(1000).describe("Words the memory would hold") })
const forgetting = z.strictObject({
  ids: z.array(z.int().positive()).min(1).max(50).describe("Ids as recall gives them"),
})

type MemoryAccess = Pick<Memory, "remember" | "recall" | "forget" | "get">

export function memoryTools(memory: MemoryAccess): Tool[] {
  return [rememberTool(memory), recallTool(memory), forgetTool(memory)]
}

function rememberTool(memory: MemoryAccess): TransactionalTool<z.infer<typeof remembering>> {
  return {
    name: "remember",
    description:
      "Keeps something about the person for later conversations. Use it when they say to, or tell a lasting fact.",
    input: remembering,
    effect: "write",
    needs: "collaborator",
    replay: "transactional",
    show: ({ text, kind = "fact" }) => `Remember (${kind}): ${text}`,
    async run({ text, kind = "fact" }, { person, label, runId, threadId, opId }, tx) {
      const sources = { run: runId, op: opId, thread: threadId }
      const kept = await memory.remember(tx, { scope: personScope(person.id), kind, text, label, sources })
      return { ok: true, ...kept }
    },
  }
}

function recallTool(memory: MemoryAccess): EffectTool<z.infer<typeof recalling>> {
  return {
    name: "recall",
    description: "Searches what is known about the person. Try again with other words when nothing fits.",
    input: recalling,
    effect: "read",
    needs: "untrusted",
    replay: "pure",
    show: ({ query }) => `Search memories: ${query}`,
    async run({ query }, { person, signal }) {
      const found = await memory.recall({ scopes: [personScope(person.id)], text: query, limit: RECALLED }, signal)
      const memories = found.map(({ id, text, recordedAt, score }) => ({
        id,
        text,
        recordedAt: recordedAt.toISOString(),
        score: Math.round(score * 1000) / 1000,
      }))
      return { ok: true, memories, ...labelOf(found.map((hit) => hit.label)) }
    },
  }
}

/** The label that the memories bring into the context of the run; none when nothing was found. */
function labelOf([first, ...rest]: Label[]): { label?: Label } {
  return first ? { label: mix(first, ...rest) } : {}
}

function forgetTool(memory: MemoryAccess): TransactionalTool<z.infer<typeof forgetting>> {
  return {
    name: "forget",
    description: "Takes memories back, by id, so that they are never used again. Recall first to know the ids.",
    input: forgetting,
    effect: "write",
    needs: "system",
    replay: "transactional",
    show: ({ ids }) => `Forget ${ids.length === 1 ? "memory" : "memories"} ${ids.join(", ")}`,
    async asks({ ids }, { person }) {
      const found = await Promise.all([...new Set(ids)].map((id) => memory.get(personScope(person.id), id)))
      const memories = found.filter((row) => row !== null)
      if (memories.length <= 1 && !memories.some((row) => row.pinned)) return null
      return `would forget ${memories.map(quoted).join("; ")}`
    },
    async run({ ids }, { person, now }, tx) {
      const gone = await memory.forget(tx, personScope(person.id), ids, now)
      if (gone.length === 0) return failed("not_found", `no memory of this person has the id ${ids.join(" or ")}`)
      const missing = ids.filter((id) => !gone.some((row) => row.id === id))
      return { ok: true, forgotten: gone, ...(missing.length > 0 ? { missing } : {}) }
    },
  }
}

function quoted({ id, text, pinned }: StoredMemory): string {
  const short = text.length > SHOWN ? `${text.slice(0, SHOWN - 1).toWellFormed()}…` : text
  return `${id}${pinned ? " (always in mind)" : ""} "${short}"`
}
