/**
 * Ledger: what the stand-ins saw, line by line in a file that only ever grows and that no killed process writes: what people
 * wrote and was acknowledged, and every effect with the id of its operation.
 */
import { appendFileSync, readFileSync } from "node:fs"
import { z } from "zod"

const at = z.number()

/** Times are milliseconds since the epoch. */
const entry = z.discriminatedUnion("kind", [
  /** A sender got a success; `tag` is in the event, or its id at the sender. */
  z.object({ kind: z.literal("acknowledged"), lane: z.string(), tag: z.string(), sentAt: at, at }),
  /** The same again, after the success. */
  z.object({ kind: z.literal("repeated"), tag: z.string(), at }),
  /** A model was asked; `op` is the same for two requests for the same step. */
  z.object({ kind: z.literal("asked"), no: z.number(), op: z.string(), at }),
  /** A channel took a message; `op` names its outbox row where the channel is told of it. */
  z.object({ kind: z.literal("message"), channel: z.string(), op: z.string(), text: z.string(), at }),
  /** GitHub took labels. */
  z.object({ kind: z.literal("label"), op: z.string(), issue: z.number(), at }),
  /** The owner answered a question about an issue, and this was taken. */
  z.object({ kind: z.literal("verdict"), issue: z.number(), verdict: z.enum(["OK", "NO"]), at }),
])
export type Entry = z.infer<typeof entry>

export interface Ledger {
  write(entry: Entry): void
}

export function openLedger(path: string): Ledger {
  return { write: (entry) => appendFileSync(path, `${JSON.stringify(entry)}\n`) }
}

export function readLedger(path: string): Entry[] {
  const lines = readFileSync(path, "utf8").split("\n").filter(Boolean)
  return lines.map((line) => entry.parse(JSON.parse(line)))
}
