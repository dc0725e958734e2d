/** What the agent knows: dated, sourced, superseded, never overwritten. Terms and embeddings are derived from it. */
import { sql } from "drizzle-orm"
import {
  bigint,
  boolean,
  customType,
  doublePrecision,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  timestamp,
  uniqueIndex,
} from "drizzle-orm/pg-core"

const at = (name: string) => timestamp(name, { withTimezone: true })
/** pgvector without fixed dimensions: rows of several embedding models live side by side. */
const vector = customType<{ data: string }>({ dataType: () => "vector" })

export const memories = pgTable(
  "memories",
  {
    /** Small and speakable: people say "forget 12". */
    id: bigint({ mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    /** Whose: `person:<id>`, `repo:<owner/name>`. Search never leaves its scope. */
    scope: text().notNull(),
    kind: text().notNull(),
    text: text().notNull(),
    /** Extra words to find it by (facts, dates), indexed with the text. */
    keys: text().notNull().default(""),
    /** Number of indexed word positions, for BM25's length norm. */
    length: integer().notNull(),
    contentHash: text("content_hash").notNull(),
    /** `{ run, step }` or `{ decision }`: where it came from. */
    sources: jsonb().notNull(),
    label: jsonb().notNull(),
    /** World time: when it was so. */
    validFrom: at("valid_from").notNull(),
    validTo: at("valid_to"),
    /** System time: when it was written here. */
    recordedAt: at("recorded_at").notNull(),
    supersededBy: bigint("superseded_by", { mode: "number" }),
    retractedAt: at("retracted_at"),
    pinned: boolean().notNull().default(false),
    importance: doublePrecision().notNull().default(0.5),
  },
  (t) => [
    uniqueIndex("memories_current_content")
      .on(t.scope, t.contentHash)
      .where(sql`retracted_at is null and valid_to is null`),
    index("memories_scope").on(t.scope, t.recordedAt),
    index("memories_pinned").on(t.scope).where(sql`pinned`),
  ],
)

export const memoryTerms = pgTable(
  "memory_terms",
  {
    scope: text().notNull(),
    lexeme: text().notNull(),
    memoryId: bigint("memory_id", { mode: "number" })
      .notNull()
      .references(() => memories.id, { onDelete: "cascade" }),
    tf: integer().notNull(),
  },
  (t) => [primaryKey({ columns: [t.scope, t.lexeme, t.memoryId] }), index("memory_terms_memory").on(t.memoryId)],
)

export const memoryEmbeddings = pgTable(
  "memory_embeddings",
  {
    memoryId: bigint("memory_id", { mode: "number" })
      .notNull()
      .references(() => memories.id, { onDelete: "cascade" }),
    model: text().notNull(),
    dims: integer().notNull(),
    embedding: vector().notNull(),
  },
  (t) => [primaryKey({ columns: [t.memoryId, t.model] })],
)

export const kv = pgTable(
  "kv",
  {
    namespace: text().notNull(),
    key: text().notNull(),
    value: jsonb().notNull(),
    version: integer().notNull().default(1),
    updatedAt: at("updated_at").notNull(),
    expiresAt: at("expires_at"),
  },
  (t) => [primaryKey({ columns: [t.namespace, t.key] })],
)
