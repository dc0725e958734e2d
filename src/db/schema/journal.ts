/** The append-only journal of every step, and the ledger of money. */
import { sql } from "drizzle-orm"
import {
  bigint,
  check,
  customType,
  date,
  doublePrecision,
  index,
  integer,
  jsonb,
  pgTable,
  text,
  timestamp,
  unique,
  uuid,
} from "drizzle-orm/pg-core"
import { runs } from "./threads.ts"

const bytea = customType<{ data: Uint8Array }>({ dataType: () => "bytea" })

/** `prev` and `hash` are filled by a trigger: each row is chained to the one before it in its run. */
export const journal = pgTable(
  "journal",
  {
    id: bigint({ mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    runId: uuid("run_id")
      .notNull()
      .references(() => runs.id),
    n: integer().notNull(),
    phase: text().notNull(),
    kind: text().notNull(),
    name: text().notNull(),
    opId: uuid("op_id").notNull(),
    replay: text().notNull(),
    argsHash: text("args_hash"),
    request: jsonb(),
    result: jsonb(),
    inputTokens: integer("input_tokens"),
    cachedTokens: integer("cached_tokens"),
    outputTokens: integer("output_tokens"),
    costUsd: doublePrecision("cost_usd"),
    epoch: bigint({ mode: "number" }).notNull(),
    at: timestamp({ withTimezone: true }).notNull().default(sql`clock_timestamp()`),
    prev: bytea(),
    hash: bytea(),
  },
  (t) => [
    index("journal_run_id").on(t.runId, t.id),
    index("journal_model_calls").on(t.at).where(sql`kind = 'model' and phase = 'outcome'`),
    unique("journal_run_n_phase").on(t.runId, t.n, t.phase),
    check("journal_phase", sql`${t.phase} in ('intent', 'outcome', 'resolution')`),
    check("journal_kind", sql`${t.kind} in ('model', 'tool', 'wait', 'note')`),
    check("journal_replay", sql`${t.replay} in ('pure', 'idempotent', 'reconcile', 'unsafe', 'transactional')`),
  ],
)

/** Money: reserved before a model call, settled after. `cost_usd` is null when the price is unknown, never 0 for that. */
export const ledger = pgTable(
  "ledger",
  {
    opId: uuid("op_id").primaryKey(),
    runId: uuid("run_id")
      .notNull()
      .references(() => runs.id),
    /** The owner's local day and month the call counts for. */
    day: date().notNull(),
    model: text().notNull(),
    reservedUsd: doublePrecision("reserved_usd").notNull().default(0),
    costUsd: doublePrecision("cost_usd"),
    state: text().notNull(),
    at: timestamp({ withTimezone: true }).notNull(),
  },
  (t) => [index("ledger_day").on(t.day), check("ledger_state", sql`${t.state} in ('reserved', 'settled')`)],
)
