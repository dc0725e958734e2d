ALTER TABLE "people" ADD COLUMN "quiet_hours" text;--> statement-breakpoint
ALTER TABLE "outbox" ADD COLUMN "urgency" text DEFAULT 'reply' NOT NULL;--> statement-breakpoint
ALTER TABLE "outbox" ADD COLUMN "held_until" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "outbox" ADD CONSTRAINT "outbox_urgency" CHECK ("urgency" in ('reply', 'due', 'notice'));