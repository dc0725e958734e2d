/**
 * Memory: what the agent knows about a person or a repository. Every row has a date, a source and a label. A row is closed
 * or retracted, never overwritten, so that one can always see what was known when. A search never leaves its scopes.
 */
import type { Label } from "../base/label.ts"
import type { Tx } from "../db/db.ts"

export type MemoryKind = "fact" | "preference" | "decision" | "document" | "summary" | "procedure"

export interface NewMemory {
  /** The person or the repository that it belongs to, as `scope.ts` names it. */
  scope: string
  kind: MemoryKind
  /** At most 32,000 characters. */
  text: string
  /** More words that find the memory (facts, dates). They are indexed and embedded with the text and never shown. */
  keys?: string
  /** The label of everything that led to the memory. */
  label: Label
  /**
   * Where the memory came from: `{ run, op }`. With a `thread`, the memories that were written to the same scope and thread
   * just before and just after it help to find it: the turns of a dialogue, the facts of a conversation, the parts of a
   * document.
   */
  sources: Record<string, unknown>
  /** When the fact became true in the world; now when absent. */
  validFrom?: Date
  /** Whether the memory is in every context. */
  pinned?: boolean
  /** 0 to 1; 0.5 when absent. */
  importance?: number
}

export interface Remembered {
  /** A small number, so that a person can say "forget 12". */
  id: number
  text: string
  /** True when the text was known already; the id is that of the existing row. */
  duplicate: boolean
}

export interface StoredMemory {
  id: number
  scope: string
  kind: MemoryKind
  text: string
  label: Label
  sources: Record<string, unknown>
  /** World time: when the fact became true. */
  validFrom: Date
  /** World time: when the fact stopped being true; null while it is current. */
  validTo: Date | null
  /** System time: when the row was written. */
  recordedAt: Date
  /** The id of the memory that replaced it. */
  supersededBy: number | null
  pinned: boolean
  importance: number
}

export interface Query {
  scopes: string[]
  text: string
  /** At most 100. */
  limit: number
  kinds?: MemoryKind[]
}

export interface Recalled
  extends Pick<StoredMemory, "id" | "scope" | "kind" | "text" | "label" | "recordedAt" | "sources"> {
  /** 0 to 1, relative to the best candidate of each arm. */
  score: number
  /** The score of each arm, 0 to 1; `vector` only when an embedding model answered. */
  parts: { lexical: number; vector?: number }
}

export interface Listing {
  limit: number
  kind?: MemoryKind
  /** Only memories with a smaller id than this one; for the next page. */
  before?: number
}

export interface Memory {
  /**
   * Writes one memory, or finds the current one with the same text in its scope. When the new source is more trusted, the
   * new memory replaces the old one.
   * Throws `Reject` when the text is empty or too long.
   */
  remember(tx: Tx, input: NewMemory): Promise<Remembered>
  /**
   * Closes `oldId` and writes the memory that replaces it. When `oldId` is not current in this scope, it only writes the
   * new one.
   */
  supersede(tx: Tx, oldId: number, input: NewMemory): Promise<Remembered & { superseded: boolean }>
  /**
   * Retracts memories: the rows stay as a record, but nothing finds or shows them again. Returns the ones that were
   * retracted now, by id.
   */
  forget(tx: Tx, scope: string, ids: number[], now: Date): Promise<{ id: number; text: string }[]>
  /**
   * Current memories that fit the text, best first, and the newer first when equal. Empty when the text has no word that
   * is searched for.
   */
  recall(query: Query, signal?: AbortSignal): Promise<Recalled[]>
  /** One memory, current or superseded; null when it is unknown, retracted or in another scope. */
  get(scope: string, id: number): Promise<StoredMemory | null>
  /** Current memories, newest first. */
  list(scopes: string[], listing: Listing): Promise<StoredMemory[]>
  /** The memories of every context, the most important first. */
  pinned(scopes: string[]): Promise<StoredMemory[]>
  /** The `embed` job: gives a vector to each of `ids` that has none of the present model. A repetition is harmless. */
  embedWaiting(ids: string[], signal?: AbortSignal): Promise<void>
}
