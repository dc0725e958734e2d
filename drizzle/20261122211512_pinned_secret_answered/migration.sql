CREATE INDEX "memories_pinned" ON "memories" ("scope") WHERE pinned;--> statement-breakpoint
CREATE INDEX "outbox_secret" ON "outbox" ("id") WHERE body ? 'forgetAt';--> statement-breakpoint
CREATE INDEX "waits_answered" ON "waits" ("answered_at");