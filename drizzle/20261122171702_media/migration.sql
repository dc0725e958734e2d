CREATE TABLE "media" (
	"sha256" text PRIMARY KEY,
	"bytes" bytea NOT NULL,
	"type" text NOT NULL,
	"size" integer NOT NULL,
	"inbox_id" uuid,
	"kept_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE INDEX "media_kept" ON "media" ("kept_at");