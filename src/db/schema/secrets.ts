/** Encrypted values bound to hosts and tools, and the record of every use. */
import { bigint, boolean, customType, index, integer, jsonb, pgTable, text, timestamp, uuid } from "drizzle-orm/pg-core"

const bytea = customType<{ data: Uint8Array }>({ dataType: () => "bytea" })
const at = (name: string) => timestamp(name, { withTimezone: true })

export const secrets = pgTable("secrets", {
  name: text().primaryKey(),
  version: integer().notNull().default(1),
  /** Generation of the key-encryption key that wraps this row's data key. */
  keyVersion: integer("key_version").notNull(),
  wrappedKey: bytea("wrapped_key").notNull(),
  ciphertext: bytea().notNull(),
  hosts: jsonb().notNull(),
  tools: jsonb().notNull(),
  createdAt: at("created_at").notNull(),
  updatedAt: at("updated_at").notNull(),
})

export const secretAccess = pgTable(
  "secret_access",
  {
    id: bigint({ mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    name: text().notNull(),
    tool: text().notNull(),
    host: text(),
    runId: uuid("run_id"),
    ok: boolean().notNull(),
    at: at("at").notNull(),
  },
  (t) => [index("secret_access_name").on(t.name, t.at)],
)
