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
ALTER TABLE "pairings" ADD CONSTRAINT "pairings_person_id_people_id_fkey" FOREIGN KEY ("person_id") REFERENCES "people"("id") ON DELETE CASCADE;