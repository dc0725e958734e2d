/** Memories: what the agent knows about a person or a repository, found by words or listed. */
import { z } from "zod"
import { instant } from "../instant.ts"
import { labelSchema } from "../label.ts"

const known = z.object({
  id: z.number(),
  /** Whose: `person:<id>`, `repo:<owner/name>`. */
  scope: z.string(),
  kind: z.enum(["fact", "preference", "decision", "document", "summary", "procedure"]),
  text: z.string(),
  label: labelSchema,
  /** Where it came from: `run` and `op` of the step that wrote it, and its `thread`. */
  sources: z.record(z.string(), z.unknown()),
  /** When it was written here. */
  recordedAt: instant,
})

const foundMemory = known.extend({
  /** 0 to 1, relative to the best hit of each arm. */
  score: z.number(),
  /** What each arm gave, 0 to 1; `vector` only when an embedding model answered. */
  parts: z.object({ lexical: z.number(), vector: z.number().exactOptional() }),
})

const listedMemory = known.extend({
  /** When it became so in the world, and when it stopped; null while it is so. */
  validFrom: instant,
  validTo: instant.nullable(),
  /** The memory that took its place. */
  supersededBy: z.number().nullable(),
  /** Always in the prompt. */
  pinned: z.boolean(),
  /** 0 to 1. */
  importance: z.number(),
})

export const memoriesQuery = z.object({
  q: z.string().trim().min(1).max(1000).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
})

/** With `q`: found, best first, with scores. Without it: listed, newest first. */
export const memoriesAnswer = z.object({ memories: z.array(z.union([foundMemory, listedMemory])) })
export type MemoryRow = z.output<typeof memoriesAnswer>["memories"][number]
