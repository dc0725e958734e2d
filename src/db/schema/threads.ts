/** Threads, what came in, what runs, what waits for a person, what goes out. The truth behind every wake-up. */
import { sql } from "drizzle-orm"
import {
  type AnyPgColumn,
  bigint,
  boolean,
  check,
  index,
  integer,
  jsonb,
  pgTable,
  text,
  timestamp,
  unique,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core"
import { people } from "./people.ts"

const at = (name: string) => timestamp(name, { withTimezone: true })
const big = (name: string) => bigint(name, { mode: "number" })

/** A serial lane of work: a chat, an issue, an automation. Held by one owner at a time, fenced by `epoch`. */
export const threads = pgTable(
  "threads",
  {
    id: uuid().primaryKey(),
    channel: text().notNull(),
    key: text().notNull().unique(),
    personId: uuid("person_id").references(() => people.id),
    /** Where replies go on the channel. */
    target: text().notNull().default(""),
    nextSeq: big("next_seq").notNull().default(1),
    /** Work is due from then on; null when there is none. */
    readyAt: at("ready_at"),
    owner: uuid(),
    epoch: big("epoch").notNull().default(0),
    leaseUntil: at("lease_until"),
    /** Runs triggered at or before this seq are to stop between steps. */
    stopSeq: big("stop_seq").notNull().default(0),
    /** History before this seq is not shown to the model (`/new`); it is never deleted. */
    historyFrom: big("history_from").notNull().default(0),
    /** The person's choice for this thread (`/model`); null for the configured one. */
    model: text(),
    createdAt: at("created_at").notNull(),
  },
  (t) => [
    index("threads_ready").on(t.readyAt).where(sql`owner is null and ready_at is not null`),
    index("threads_leased").on(t.leaseUntil).where(sql`owner is not null`),
  ],
)

export const inbox = pgTable(
  "inbox",
  {
    id: uuid().primaryKey(),
    source: text().notNull(),
    externalId: text("external_id").notNull(),
    threadId: uuid("thread_id")
      .notNull()
      .references(() => threads.id),
    seq: big("seq").notNull(),
    kind: text().notNull(),
    personId: uuid("person_id").references(() => people.id),
    payload: jsonb().notNull(),
    label: jsonb().notNull(),
    state: text().notNull().default("new"),
    runId: uuid("run_id"),
    attempts: integer().notNull().default(0),
    receivedAt: at("received_at").notNull(),
    endedAt: at("ended_at"),
  },
  (t) => [
    unique("inbox_source_external").on(t.source, t.externalId),
    unique("inbox_thread_seq").on(t.threadId, t.seq),
    index("inbox_new").on(t.threadId, t.seq).where(sql`state = 'new'`),
    index("inbox_run").on(t.runId),
    check("inbox_state", sql`${t.state} in ('new', 'claimed', 'done', 'dead', 'recorded')`),
  ],
)

export const runs = pgTable(
  "runs",
  {
    id: uuid().primaryKey(),
    threadId: uuid("thread_id")
      .notNull()
      .references(() => threads.id),
    triggerId: uuid("trigger_id")
      .notNull()
      .unique()
      .references(() => inbox.id),
    /** Kind of the trigger: message, command, issue, due. */
    kind: text().notNull(),
    state: text().notNull(),
    label: jsonb().notNull(),
    model: text(),
    attempts: integer().notNull().default(0),
    codeVersion: text("code_version").notNull(),
    error: jsonb(),
    startedAt: at("started_at").notNull(),
    endedAt: at("ended_at"),
  },
  (t) => [
    index("runs_thread").on(t.threadId, t.startedAt),
    index("runs_started").on(t.startedAt),
    index("runs_open").on(t.threadId).where(sql`state in ('running', 'waiting')`),
    check("runs_state", sql`${t.state} in ('running', 'waiting', 'done', 'failed', 'cancelled')`),
  ],
)

/** What a person is asked: leave for one call with exact arguments, or what became of a call whose outcome is unknown. */
export const approvals = pgTable(
  "approvals",
  {
    id: uuid().primaryKey(),
    runId: uuid("run_id")
      .notNull()
      .references(() => runs.id),
    threadId: uuid("thread_id")
      .notNull()
      .references(() => threads.id),
    step: integer().notNull(),
    kind: text().notNull(),
    /** Two characters, unique among open approvals. */
    code: text().notNull(),
    tool: text().notNull(),
    /** RFC 8785 canonical JSON; what is executed, byte for byte. */
    args: text().notNull(),
    argsHash: text("args_hash").notNull(),
    /** Rendered by code from `tool` and `args`. */
    display: text().notNull(),
    askedOf: uuid("asked_of")
      .notNull()
      .references(() => people.id),
    state: text().notNull().default("open"),
    /** The person's words, of an approval that was answered with what to do instead. */
    answer: text(),
    answeredBy: uuid("answered_by").references(() => people.id),
    answeredVia: text("answered_via"),
    answeredAt: at("answered_at"),
    /** The message whose words decided it. */
    answeredEvent: uuid("answered_event").references(() => inbox.id),
    usedAt: at("used_at"),
    /** When the buttons of a decided approval were taken away wherever it had been asked. */
    clearedAt: at("cleared_at"),
    createdAt: at("created_at").notNull(),
    expiresAt: at("expires_at").notNull(),
  },
  (t) => [
    uniqueIndex("approvals_open_code").on(t.code).where(sql`state = 'open'`),
    index("approvals_uncleared").on(t.id).where(sql`state <> 'open' and cleared_at is null`),
    uniqueIndex("approvals_answered_event").on(t.answeredEvent),
    index("approvals_expiry").on(t.expiresAt).where(sql`state = 'open'`),
    unique("approvals_run_step").on(t.runId, t.step),
    check(
      "approvals_state",
      sql`${t.state} in ('open', 'approved', 'denied', 'changed', 'redo', 'expired', 'cancelled')`,
    ),
    check("approvals_kind", sql`${t.kind} in ('approval', 'uncertain')`),
  ],
)

export const outbox = pgTable(
  "outbox",
  {
    id: uuid().primaryKey(),
    threadId: uuid("thread_id")
      .notNull()
      .references(() => threads.id),
    /** Order within the thread. */
    seq: bigint({ mode: "number" }).generatedAlwaysAsIdentity().notNull(),
    runId: uuid("run_id").references(() => runs.id),
    /** The same key is put here once only. Nothing else is read from it: what belongs together has a column. */
    dedupeKey: text("dedupe_key").notNull().unique(),
    /** The approval that it asks about or, with `replies_to`, that the person's words were about. */
    approvalId: uuid("approval_id").references(() => approvals.id),
    /** The message that it answers without a run: words on an approval. */
    repliesTo: uuid("replies_to").references(() => inbox.id),
    /** The message that it was sent again for, on another channel. */
    fallbackOf: uuid("fallback_of").references((): AnyPgColumn => outbox.id),
    channel: text().notNull(),
    target: text().notNull(),
    /** `{ text, buttons? }`: see channels/channel.ts. */
    body: jsonb().notNull(),
    state: text().notNull().default("pending"),
    /** A sender may have sent it before, and nobody could say whether it arrived. */
    maybeSent: boolean("maybe_sent").notNull().default(false),
    providerId: text("provider_id"),
    attempts: integer().notNull().default(0),
    nextAt: at("next_at").notNull(),
    /** Whether it may come at night: an answer, something asked for at that hour, or news that can wait. */
    urgency: text().notNull().default("reply"),
    /** Left alone until then, for the person's quiet hours; later messages pass it. */
    heldUntil: at("held_until"),
    sendingUntil: at("sending_until"),
    error: jsonb(),
    createdAt: at("created_at").notNull(),
    sentAt: at("sent_at"),
  },
  (t) => [
    uniqueIndex("outbox_one_sender").on(t.threadId).where(sql`state = 'sending'`),
    index("outbox_pending").on(t.threadId, t.seq).where(sql`state = 'pending'`),
    index("outbox_thread").on(t.threadId, t.seq),
    index("outbox_run").on(t.runId),
    index("outbox_approval").on(t.approvalId).where(sql`approval_id is not null`),
    index("outbox_replies_to").on(t.repliesTo).where(sql`replies_to is not null`),
    uniqueIndex("outbox_fallback_of").on(t.fallbackOf).where(sql`fallback_of is not null`),
    index("outbox_secret").on(t.id).where(sql`body ? 'forgetAt'`),
    index("outbox_provider").using("gin", sql`string_to_array(provider_id, ',')`).where(sql`provider_id is not null`),
    check("outbox_urgency", sql`${t.urgency} in ('reply', 'due', 'notice')`),
    check("outbox_state", sql`${t.state} in ('pending', 'sending', 'sent', 'delivered', 'uncertain', 'failed')`),
  ],
)
