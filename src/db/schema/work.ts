/** What the agent does by itself: automations with every due instant accounted for, and its decisions about issues. */
import { sql } from "drizzle-orm"
import {
  bigint,
  boolean,
  check,
  doublePrecision,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  timestamp,
  unique,
  uuid,
} from "drizzle-orm/pg-core"
import { memories } from "./memory.ts"
import { people } from "./people.ts"

const at = (name: string) => timestamp(name, { withTimezone: true })

export const automations = pgTable(
  "automations",
  {
    /** Small and speakable: people say "cancel automation 3". */
    id: bigint({ mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    /** System automations have a fixed name (`digest`, `github-sweep`) and exist once. */
    name: text().unique(),
    personId: uuid("person_id")
      .notNull()
      .references(() => people.id),
    /** What to do: see schedule/automations/automations.ts. */
    action: jsonb().notNull(),
    recurrence: jsonb().notNull(),
    sentence: text().notNull(),
    zone: text().notNull(),
    label: jsonb().notNull(),
    /** What it may do without asking. */
    grants: jsonb().notNull(),
    /** How late a missed instant may still run, in milliseconds; older ones are recorded as missed. */
    catchUpMs: bigint("catch_up_ms", { mode: "number" }).notNull(),
    state: text().notNull().default("active"),
    /** Everything due up to here has its row in `occurrences`. */
    handledTo: at("handled_to").notNull(),
    nextAt: at("next_at"),
    createdAt: at("created_at").notNull(),
  },
  (t) => [
    index("automations_next").on(t.nextAt).where(sql`state = 'active'`),
    check("automations_state", sql`${t.state} in ('active', 'paused', 'ended', 'cancelled')`),
  ],
)

export const occurrences = pgTable(
  "occurrences",
  {
    automationId: bigint("automation_id", { mode: "number" })
      .notNull()
      .references(() => automations.id),
    dueAt: at("due_at").notNull(),
    state: text().notNull(),
    reason: text(),
    startedAt: at("started_at").notNull(),
    endedAt: at("ended_at"),
  },
  (t) => [
    primaryKey({ columns: [t.automationId, t.dueAt] }),
    check("occurrences_state", sql`${t.state} in ('started', 'done', 'failed', 'skipped', 'missed')`),
  ],
)

export const decisions = pgTable(
  "decisions",
  {
    id: uuid().primaryKey(),
    repo: text().notNull(),
    number: integer().notNull(),
    /** SHA-256 of title and body: the same content is never decided twice. */
    contentHash: text("content_hash").notNull(),
    title: text().notNull(),
    kind: text().notNull(),
    confidence: doublePrecision().notNull(),
    reason: text().notNull(),
    /** `model`, `rules`, `neighbours`, `person`. */
    method: text().notNull(),
    hard: boolean().notNull(),
    labels: jsonb().notNull(),
    assignee: text(),
    /** pending: waits for the owner's word; applied; declined. */
    state: text().notNull(),
    reusedFrom: uuid("reused_from"),
    correctedTo: text("corrected_to"),
    /** Who a person gave the issue to, instead of the assignee. */
    correctedAssignee: text("corrected_assignee"),
    runId: uuid("run_id").notNull(),
    memoryId: bigint("memory_id", { mode: "number" }).references(() => memories.id),
    url: text().notNull(),
    demo: boolean().notNull().default(false),
    decidedAt: at("decided_at").notNull(),
  },
  (t) => [
    unique("decisions_content").on(t.repo, t.number, t.contentHash),
    index("decisions_decided").on(t.decidedAt),
    index("decisions_memory").on(t.memoryId),
    check("decisions_kind", sql`${t.kind} in ('bug', 'feature', 'question', 'docs')`),
    check("decisions_state", sql`${t.state} in ('pending', 'applied', 'declined')`),
  ],
)
