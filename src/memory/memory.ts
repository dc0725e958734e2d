/**
 * Memory: what the agent knows about a person or a repository. A row is dated, sourced and labelled; it is closed or
 * retracted, never overwritten. Search never leaves the scopes it is given.
 */
import type { Label } from "../base/label.ts"
import type { Tx } from "../db/db.ts"

export type MemoryKind = "fact" | "preference" | "decision" | "document" | "summary" | "procedure"

export interface NewMemory {
  /** Whose: a scope of `scope.ts`. */
  scope: string
  kind: MemoryKind
  /** At most 32,000 characters. */
  text: string
  /** Extra words to find it by (facts, dates); indexed and embedded with the text, never shown. */
  keys?: string
  /** Of everything that led to it. */
  label: Label
  /**
   * Where it came from: `{ run, op }`. With a `thread`, what was written to this scope just before and after it in the same
   * one helps to find it: the turns of a dialogue, the facts of a conversation, the parts of a document.
   */
  sources: Record<string, unknown>
  /** When it became so in the world; now when not given. */
  validFrom?: Date
  /** Always in the context. */
  pinned?: boolean
  /** 0 to 1; 0.5 when not given. */
  importance?: number
}

export interface Remembered {
  /** Small and speakable: people say "forget 12". */
  id: number
  text: string
  /** It was known already: this is the row that was there. */
  duplicate: boolean
}

export interface StoredMemory {
  id: number
  scope: string
  kind: MemoryKind
  text: string
  label: Label
  sources: Record<string, unknown>
  /** World time. */
  validFrom: Date
  /** When it stopped being so; null while it is current. */
  validTo: Date | null
  /** System time: when it was written here. */
  recordedAt: Date
  /** The memory that took its place. */
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
  /** 0 to 1, relative to the best hit of each arm. */
  score: number
  /** What each arm gave, 0 to 1; `vector` only when an embedding model answered. */
  parts: { lexical: number; vector?: number }
}

export interface Listing {
  limit: number
  kind?: MemoryKind
  /** Only memories with a smaller id: the next page. */
  before?: number
}

export interface Memory {
  /**
   * Writes one memory, or finds the same text in its scope. A twin from a more trusted source takes the old one's place.
   * Throws `Reject` when the text is empty or too long.
   */
  remember(tx: Tx, input: NewMemory): Promise<Remembered>
  /** Closes `oldId` and writes what is so now. When `oldId` is not current in this scope the new one is only remembered. */
  supersede(tx: Tx, oldId: number, input: NewMemory): Promise<Remembered & { superseded: boolean }>
  /** Retracts: the rows stay as a record, but nothing finds or shows them again. Returns those that were there. */
  forget(tx: Tx, scope: string, ids: number[], now: Date): Promise<{ id: number; text: string }[]>
  /** Current memories that fit the text, best first, newer first when equal. Empty when the text has no word to go by. */
  recall(query: Query, signal?: AbortSignal): Promise<Recalled[]>
  /** One memory, also a superseded one; null when it is unknown, retracted or of another scope. */
  get(scope: string, id: number): Promise<StoredMemory | null>
  /** Current memories, newest first. */
  list(scopes: string[], listing: Listing): Promise<StoredMemory[]>
  /** What is always in the context: most important first. */
  pinned(scopes: string[]): Promise<StoredMemory[]>
  /** The `embed` job: gives vectors to those of `ids` that have none of the present model. Harmless when repeated. */
  embedWaiting(ids: string[], signal?: AbortSignal): Promise<void>
}
