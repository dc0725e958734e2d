/** Files that people sent, by the hash of their bytes: kept for a while, named from payloads and journals, never copied into them. */
import { customType, index, integer, pgTable, text, timestamp, uuid } from "drizzle-orm/pg-core"

const bytea = customType<{ data: Uint8Array }>({ dataType: () => "bytea" })

export const media = pgTable(
  "media",
  {
    /** Hex, of `bytes`. */
    sha256: text().primaryKey(),
    bytes: bytea().notNull(),
    /** As the bytes show it, not as the sender named it. */
    type: text().notNull(),
    size: integer().notNull(),
    /** The message that brought it last; null when it was kept before its message was. */
    inboxId: uuid("inbox_id"),
    keptAt: timestamp("kept_at", { withTimezone: true }).notNull(),
  },
  (t) => [index("media_kept").on(t.keptAt)],
)
