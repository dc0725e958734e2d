CREATE TABLE "journal" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "journal_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"run_id" uuid NOT NULL,
	"n" integer NOT NULL,
	"phase" text NOT NULL,
	"kind" text NOT NULL,
	"name" text NOT NULL,
	"op_id" uuid NOT NULL,
	"replay" text NOT NULL,
	"args_hash" text,
	"request" jsonb,
	"result" jsonb,
	"input_tokens" integer,
	"cached_tokens" integer,
	"output_tokens" integer,
	"cost_usd" double precision,
	"epoch" bigint NOT NULL,
	"at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"prev" bytea,
	"hash" bytea,
	CONSTRAINT "journal_run_n_phase" UNIQUE("run_id","n","phase"),
	CONSTRAINT "journal_phase" CHECK ("phase" in ('intent', 'outcome', 'resolution')),
	CONSTRAINT "journal_kind" CHECK ("kind" in ('model', 'tool', 'wait', 'note')),
	CONSTRAINT "journal_replay" CHECK ("replay" in ('pure', 'idempotent', 'reconcile', 'unsafe', 'transactional'))
);
--> statement-breakpoint
CREATE TABLE "ledger" (
	"op_id" uuid PRIMARY KEY,
	"run_id" uuid NOT NULL,
	"day" date NOT NULL,
	"model" text NOT NULL,
	"reserved_usd" double precision DEFAULT 0 NOT NULL,
	"cost_usd" double precision,
	"state" text NOT NULL,
	"at" timestamp with time zone NOT NULL,
	CONSTRAINT "ledger_state" CHECK ("state" in ('reserved', 'settled'))
);
--> statement-breakpoint
CREATE TABLE "kv" (
	"namespace" text,
	"key" text,
	"value" jsonb NOT NULL,
	"version" integer DEFAULT 1 NOT NULL,
	"updated_at" timestamp with time zone NOT NULL,
	"expires_at" timestamp with time zone,
	CONSTRAINT "kv_pkey" PRIMARY KEY("namespace","key")
);
--> statement-breakpoint
CREATE TABLE "memories" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "memories_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"scope" text NOT NULL,
	"kind" text NOT NULL,
	"text" text NOT NULL,
	"keys" text DEFAULT '' NOT NULL,
	"length" integer NOT NULL,
	"content_hash" text NOT NULL,
	"sources" jsonb NOT NULL,
	"label" jsonb NOT NULL,
	"valid_from" timestamp with time zone NOT NULL,
	"valid_to" timestamp with time zone,
	"recorded_at" timestamp with time zone NOT NULL,
	"superseded_by" bigint,
	"retracted_at" timestamp with time zone,
	"pinned" boolean DEFAULT false NOT NULL,
	"importance" double precision DEFAULT 0.5 NOT NULL
);
--> statement-breakpoint
CREATE TABLE "memory_embeddings" (
	"memory_id" bigint,
	"model" text,
	"dims" integer NOT NULL,
	"embedding" vector NOT NULL,
	CONSTRAINT "memory_embeddings_pkey" PRIMARY KEY("memory_id","model")
);
--> statement-breakpoint
CREATE TABLE "memory_terms" (
	"scope" text,
	"lexeme" text,
	"memory_id" bigint,
	"tf" integer NOT NULL,
	CONSTRAINT "memory_terms_pkey" PRIMARY KEY("scope","lexeme","memory_id")
);
--> statement-breakpoint
CREATE TABLE "addresses" (
	"id" uuid PRIMARY KEY,
	"person_id" uuid NOT NULL,
	"channel" text NOT NULL,
	"address" text NOT NULL,
	"target" text NOT NULL,
	"opted_out_at" timestamp with time zone,
	"created_at" timestamp with time zone NOT NULL,
	CONSTRAINT "addresses_channel_address" UNIQUE("channel","address")
);
--> statement-breakpoint
CREATE TABLE "pairing_tries" (
	"channel" text,
	"address" text,
	"tries" integer NOT NULL,
	"until" timestamp with time zone NOT NULL,
	CONSTRAINT "pairing_tries_pkey" PRIMARY KEY("channel","address")
);
--> statement-breakpoint
CREATE TABLE "pairings" (
	"code_hash" text PRIMARY KEY,
	"person_id" uuid,
	"name" text,
	"created_at" timestamp with time zone NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"used_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "people" (
	"id" uuid PRIMARY KEY,
	"name" text,
	"role" text NOT NULL,
	"zone" text,
	"quiet_hours" text,
	"created_at" timestamp with time zone NOT NULL,
	CONSTRAINT "people_role" CHECK ("role" in ('owner', 'member'))
);
--> statement-breakpoint
CREATE TABLE "sessions" (
	"token_hash" text PRIMARY KEY,
	"kind" text NOT NULL,
	"person_id" uuid,
	"created_at" timestamp with time zone NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"used_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "secret_access" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "secret_access_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"name" text NOT NULL,
	"tool" text NOT NULL,
	"host" text,
	"run_id" uuid,
	"ok" boolean NOT NULL,
	"at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "secrets" (
	"name" text PRIMARY KEY,
	"version" integer DEFAULT 1 NOT NULL,
	"key_version" integer NOT NULL,
	"wrapped_key" bytea NOT NULL,
	"ciphertext" bytea NOT NULL,
	"hosts" jsonb NOT NULL,
	"tools" jsonb NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"updated_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "inbox" (
	"id" uuid PRIMARY KEY,
	"source" text NOT NULL,
	"external_id" text NOT NULL,
	"thread_id" uuid NOT NULL,
	"seq" bigint NOT NULL,
	"kind" text NOT NULL,
	"person_id" uuid,
	"payload" jsonb NOT NULL,
	"label" jsonb NOT NULL,
	"state" text DEFAULT 'new' NOT NULL,
	"run_id" uuid,
	"attempts" integer DEFAULT 0 NOT NULL,
	"received_at" timestamp with time zone NOT NULL,
	"ended_at" timestamp with time zone,
	CONSTRAINT "inbox_source_external" UNIQUE("source","external_id"),
	CONSTRAINT "inbox_thread_seq" UNIQUE("thread_id","seq"),
	CONSTRAINT "inbox_state" CHECK ("state" in ('new', 'claimed', 'done', 'dead', 'recorded'))
);
--> statement-breakpoint
CREATE TABLE "outbox" (
	"id" uuid PRIMARY KEY,
	"thread_id" uuid NOT NULL,
	"seq" bigint GENERATED ALWAYS AS IDENTITY (sequence name "outbox_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"run_id" uuid,
	"dedupe_key" text NOT NULL UNIQUE,
	"channel" text NOT NULL,
	"target" text NOT NULL,
	"body" jsonb NOT NULL,
	"state" text DEFAULT 'pending' NOT NULL,
	"provider_id" text,
	"attempts" integer DEFAULT 0 NOT NULL,
	"next_at" timestamp with time zone NOT NULL,
	"urgency" text DEFAULT 'reply' NOT NULL,
	"held_until" timestamp with time zone,
	"sending_until" timestamp with time zone,
	"error" jsonb,
	"created_at" timestamp with time zone NOT NULL,
	"sent_at" timestamp with time zone,
	CONSTRAINT "outbox_urgency" CHECK ("urgency" in ('reply', 'due', 'notice')),
	CONSTRAINT "outbox_state" CHECK ("state" in ('pending', 'sending', 'sent', 'delivered', 'uncertain', 'failed'))
);
--> statement-breakpoint
CREATE TABLE "runs" (
	"id" uuid PRIMARY KEY,
	"thread_id" uuid NOT NULL,
	"trigger_id" uuid NOT NULL UNIQUE,
	"kind" text NOT NULL,
	"state" text NOT NULL,
	"label" jsonb NOT NULL,
	"model" text,
	"attempts" integer DEFAULT 0 NOT NULL,
	"code_version" text NOT NULL,
	"error" jsonb,
	"started_at" timestamp with time zone NOT NULL,
	"ended_at" timestamp with time zone,
	CONSTRAINT "runs_state" CHECK ("state" in ('running', 'waiting', 'done', 'failed', 'cancelled', 'needs_review'))
);
--> statement-breakpoint
CREATE TABLE "threads" (
	"id" uuid PRIMARY KEY,
	"channel" text NOT NULL,
	"key" text NOT NULL UNIQUE,
	"person_id" uuid,
	"target" text DEFAULT '' NOT NULL,
	"next_seq" bigint DEFAULT 1 NOT NULL,
	"ready_at" timestamp with time zone,
	"owner" uuid,
	"epoch" bigint DEFAULT 0 NOT NULL,
	"lease_until" timestamp with time zone,
	"stop_seq" bigint DEFAULT 0 NOT NULL,
	"history_from" bigint DEFAULT 0 NOT NULL,
	"model" text,
	"created_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "waits" (
	"id" uuid PRIMARY KEY,
	"run_id" uuid NOT NULL,
	"thread_id" uuid NOT NULL,
	"step" integer NOT NULL,
	"kind" text NOT NULL,
	"code" text NOT NULL,
	"tool" text NOT NULL,
	"args" text NOT NULL,
	"args_hash" text NOT NULL,
	"display" text NOT NULL,
	"asked_of" uuid NOT NULL,
	"state" text DEFAULT 'open' NOT NULL,
	"answered_by" uuid,
	"answered_via" text,
	"answered_at" timestamp with time zone,
	"used_at" timestamp with time zone,
	"cleared_at" timestamp with time zone,
	"created_at" timestamp with time zone NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	CONSTRAINT "waits_run_step" UNIQUE("run_id","step"),
	CONSTRAINT "waits_state" CHECK ("state" in ('open', 'approved', 'denied', 'redo', 'expired', 'cancelled')),
	CONSTRAINT "waits_kind" CHECK ("kind" in ('approval', 'uncertain'))
);
--> statement-breakpoint
CREATE TABLE "automations" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "automations_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"name" text UNIQUE,
	"person_id" uuid NOT NULL,
	"action" jsonb NOT NULL,
	"recurrence" jsonb NOT NULL,
	"sentence" text NOT NULL,
	"zone" text NOT NULL,
	"label" jsonb NOT NULL,
	"grants" jsonb NOT NULL,
	"catch_up_ms" bigint NOT NULL,
	"state" text DEFAULT 'active' NOT NULL,
	"handled_to" timestamp with time zone NOT NULL,
	"next_at" timestamp with time zone,
	"created_at" timestamp with time zone NOT NULL,
	CONSTRAINT "automations_state" CHECK ("state" in ('active', 'paused', 'ended', 'cancelled'))
);
--> statement-breakpoint
CREATE TABLE "decisions" (
	"id" uuid PRIMARY KEY,
	"repo" text NOT NULL,
	"number" integer NOT NULL,
	"content_hash" text NOT NULL,
	"title" text NOT NULL,
	"kind" text NOT NULL,
	"confidence" double precision NOT NULL,
	"reason" text NOT NULL,
	"method" text NOT NULL,
	"hard" boolean NOT NULL,
	"labels" jsonb NOT NULL,
	"assignee" text,
	"state" text NOT NULL,
	"reused_from" uuid,
	"corrected_to" text,
	"run_id" uuid NOT NULL,
	"memory_id" bigint,
	"url" text NOT NULL,
	"demo" boolean DEFAULT false NOT NULL,
	"decided_at" timestamp with time zone NOT NULL,
	CONSTRAINT "decisions_content" UNIQUE("repo","number","content_hash"),
	CONSTRAINT "decisions_kind" CHECK ("kind" in ('bug', 'feature', 'question', 'docs')),
	CONSTRAINT "decisions_state" CHECK ("state" in ('pending', 'applied', 'declined'))
);
--> statement-breakpoint
CREATE TABLE "occurrences" (
	"automation_id" bigint,
	"due_at" timestamp with time zone,
	"state" text NOT NULL,
	"reason" text,
	"started_at" timestamp with time zone NOT NULL,
	"ended_at" timestamp with time zone,
	CONSTRAINT "occurrences_pkey" PRIMARY KEY("automation_id","due_at"),
	CONSTRAINT "occurrences_state" CHECK ("state" in ('started', 'done', 'failed', 'skipped', 'missed'))
);
--> statement-breakpoint
CREATE INDEX "journal_run_id" ON "journal" ("run_id","id");--> statement-breakpoint
CREATE INDEX "journal_model_calls" ON "journal" ("at") WHERE kind = 'model' and phase = 'outcome';--> statement-breakpoint
CREATE INDEX "ledger_day" ON "ledger" ("day");--> statement-breakpoint
CREATE UNIQUE INDEX "memories_current_content" ON "memories" ("scope","content_hash") WHERE retracted_at is null and valid_to is null;--> statement-breakpoint
CREATE INDEX "memories_scope" ON "memories" ("scope","recorded_at");--> statement-breakpoint
CREATE INDEX "memory_terms_memory" ON "memory_terms" ("memory_id");--> statement-breakpoint
CREATE INDEX "addresses_person" ON "addresses" ("person_id");--> statement-breakpoint
CREATE INDEX "secret_access_name" ON "secret_access" ("name","at");--> statement-breakpoint
CREATE INDEX "inbox_new" ON "inbox" ("thread_id","seq") WHERE state = 'new';--> statement-breakpoint
CREATE INDEX "inbox_run" ON "inbox" ("run_id");--> statement-breakpoint
CREATE UNIQUE INDEX "outbox_one_sender" ON "outbox" ("thread_id") WHERE state = 'sending';--> statement-breakpoint
CREATE INDEX "outbox_pending" ON "outbox" ("thread_id","seq") WHERE state = 'pending';--> statement-breakpoint
CREATE INDEX "outbox_thread" ON "outbox" ("thread_id","seq");--> statement-breakpoint
CREATE INDEX "outbox_run" ON "outbox" ("run_id");--> statement-breakpoint
CREATE INDEX "outbox_provider" ON "outbox" USING gin (string_to_array(provider_id, ',')) WHERE provider_id is not null;--> statement-breakpoint
CREATE INDEX "runs_thread" ON "runs" ("thread_id","started_at");--> statement-breakpoint
CREATE INDEX "runs_started" ON "runs" ("started_at");--> statement-breakpoint
CREATE INDEX "runs_open" ON "runs" ("thread_id") WHERE state in ('running', 'waiting');--> statement-breakpoint
CREATE INDEX "threads_ready" ON "threads" ("ready_at") WHERE owner is null and ready_at is not null;--> statement-breakpoint
CREATE INDEX "threads_leased" ON "threads" ("lease_until") WHERE owner is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "waits_open_code" ON "waits" ("code") WHERE state = 'open';--> statement-breakpoint
CREATE INDEX "waits_uncleared" ON "waits" ("id") WHERE state <> 'open' and cleared_at is null;--> statement-breakpoint
CREATE INDEX "waits_expiry" ON "waits" ("expires_at") WHERE state = 'open';--> statement-breakpoint
CREATE INDEX "automations_next" ON "automations" ("next_at") WHERE state = 'active';--> statement-breakpoint
CREATE INDEX "decisions_decided" ON "decisions" ("decided_at");--> statement-breakpoint
CREATE INDEX "decisions_memory" ON "decisions" ("memory_id");--> statement-breakpoint
ALTER TABLE "journal" ADD CONSTRAINT "journal_run_id_runs_id_fkey" FOREIGN KEY ("run_id") REFERENCES "runs"("id");--> statement-breakpoint
ALTER TABLE "ledger" ADD CONSTRAINT "ledger_run_id_runs_id_fkey" FOREIGN KEY ("run_id") REFERENCES "runs"("id");--> statement-breakpoint
ALTER TABLE "memory_embeddings" ADD CONSTRAINT "memory_embeddings_memory_id_memories_id_fkey" FOREIGN KEY ("memory_id") REFERENCES "memories"("id") ON DELETE CASCADE;--> statement-breakpoint
ALTER TABLE "memory_terms" ADD CONSTRAINT "memory_terms_memory_id_memories_id_fkey" FOREIGN KEY ("memory_id") REFERENCES "memories"("id") ON DELETE CASCADE;--> statement-breakpoint
ALTER TABLE "addresses" ADD CONSTRAINT "addresses_person_id_people_id_fkey" FOREIGN KEY ("person_id") REFERENCES "people"("id") ON DELETE CASCADE;--> statement-breakpoint
ALTER TABLE "pairings" ADD CONSTRAINT "pairings_person_id_people_id_fkey" FOREIGN KEY ("person_id") REFERENCES "people"("id") ON DELETE CASCADE;--> statement-breakpoint
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_person_id_people_id_fkey" FOREIGN KEY ("person_id") REFERENCES "people"("id") ON DELETE CASCADE;--> statement-breakpoint
ALTER TABLE "inbox" ADD CONSTRAINT "inbox_thread_id_threads_id_fkey" FOREIGN KEY ("thread_id") REFERENCES "threads"("id");--> statement-breakpoint
ALTER TABLE "inbox" ADD CONSTRAINT "inbox_person_id_people_id_fkey" FOREIGN KEY ("person_id") REFERENCES "people"("id");--> statement-breakpoint
ALTER TABLE "outbox" ADD CONSTRAINT "outbox_thread_id_threads_id_fkey" FOREIGN KEY ("thread_id") REFERENCES "threads"("id");--> statement-breakpoint
ALTER TABLE "outbox" ADD CONSTRAINT "outbox_run_id_runs_id_fkey" FOREIGN KEY ("run_id") REFERENCES "runs"("id");--> statement-breakpoint
ALTER TABLE "runs" ADD CONSTRAINT "runs_thread_id_threads_id_fkey" FOREIGN KEY ("thread_id") REFERENCES "threads"("id");--> statement-breakpoint
ALTER TABLE "runs" ADD CONSTRAINT "runs_trigger_id_inbox_id_fkey" FOREIGN KEY ("trigger_id") REFERENCES "inbox"("id");--> statement-breakpoint
ALTER TABLE "threads" ADD CONSTRAINT "threads_person_id_people_id_fkey" FOREIGN KEY ("person_id") REFERENCES "people"("id");--> statement-breakpoint
ALTER TABLE "waits" ADD CONSTRAINT "waits_run_id_runs_id_fkey" FOREIGN KEY ("run_id") REFERENCES "runs"("id");--> statement-breakpoint
ALTER TABLE "waits" ADD CONSTRAINT "waits_thread_id_threads_id_fkey" FOREIGN KEY ("thread_id") REFERENCES "threads"("id");--> statement-breakpoint
ALTER TABLE "waits" ADD CONSTRAINT "waits_asked_of_people_id_fkey" FOREIGN KEY ("asked_of") REFERENCES "people"("id");--> statement-breakpoint
ALTER TABLE "waits" ADD CONSTRAINT "waits_answered_by_people_id_fkey" FOREIGN KEY ("answered_by") REFERENCES "people"("id");--> statement-breakpoint
ALTER TABLE "automations" ADD CONSTRAINT "automations_person_id_people_id_fkey" FOREIGN KEY ("person_id") REFERENCES "people"("id");--> statement-breakpoint
ALTER TABLE "decisions" ADD CONSTRAINT "decisions_memory_id_memories_id_fkey" FOREIGN KEY ("memory_id") REFERENCES "memories"("id");--> statement-breakpoint
ALTER TABLE "occurrences" ADD CONSTRAINT "occurrences_automation_id_automations_id_fkey" FOREIGN KEY ("automation_id") REFERENCES "automations"("id");