ALTER TABLE "waits" ADD COLUMN "cleared_at" timestamp with time zone;--> statement-breakpoint
CREATE INDEX "waits_uncleared" ON "waits" ("id") WHERE state <> 'open' and cleared_at is null;
--> statement-breakpoint
UPDATE "waits" SET "cleared_at" = now() WHERE "state" <> 'open';
