-- Relations are columns. What belonged together by equal timestamps, by the form of `dedupe_key` or by a field inside an
-- error is joined by a key from here on; the columns are filled from what is there.
ALTER TABLE "waits" RENAME TO "approvals";--> statement-breakpoint
-- The primary key, the foreign keys, the checks, the unique key and (where the server names them) the not-null constraints.
DO $$
DECLARE old record;
BEGIN
  FOR old IN SELECT conname FROM pg_constraint WHERE conrelid = 'approvals'::regclass AND conname LIKE 'waits\_%' LOOP
    EXECUTE format('ALTER TABLE approvals RENAME CONSTRAINT %I TO %I', old.conname, 'approvals_' || substr(old.conname, 7));
  END LOOP;
END $$;--> statement-breakpoint
ALTER INDEX "waits_open_code" RENAME TO "approvals_open_code";--> statement-breakpoint
ALTER INDEX "waits_uncleared" RENAME TO "approvals_uncleared";--> statement-breakpoint
ALTER INDEX "waits_expiry" RENAME TO "approvals_expiry";--> statement-breakpoint
DROP INDEX "waits_answered";--> statement-breakpoint
ALTER TABLE "approvals" ADD COLUMN "answered_event" uuid;--> statement-breakpoint
ALTER TABLE "outbox" ADD COLUMN "approval_id" uuid;--> statement-breakpoint
ALTER TABLE "outbox" ADD COLUMN "replies_to" uuid;--> statement-breakpoint
ALTER TABLE "outbox" ADD COLUMN "fallback_of" uuid;--> statement-breakpoint
ALTER TABLE "outbox" ADD COLUMN "maybe_sent" boolean DEFAULT false NOT NULL;--> statement-breakpoint
-- `<key>:fallback` is the message that was sent again for `<key>`.
UPDATE outbox SET fallback_of = before.id FROM outbox before
WHERE outbox.dedupe_key LIKE '%:fallback' AND before.dedupe_key = left(outbox.dedupe_key, -length(':fallback'));--> statement-breakpoint
-- `answer:<event>` answers that event.
UPDATE outbox SET replies_to = inbox.id FROM inbox
WHERE inbox.id = CASE WHEN outbox.dedupe_key ~ '^answer:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(:fallback)*$' THEN substr(outbox.dedupe_key, 8, 36)::uuid END;--> statement-breakpoint
-- `run:<run>:ask:<step>` asks about the approval of that step.
UPDATE outbox SET approval_id = approvals.id FROM approvals
WHERE outbox.run_id = approvals.run_id
  AND regexp_replace(outbox.dedupe_key, '(:fallback)+$', '') = concat('run:', approvals.run_id, ':ask:', approvals.step);--> statement-breakpoint
-- The event that decided an approval was received at the moment of the decision. Where several were, it is the one that
-- names the code, the earlier the surer; one that was told something decided nothing, unless it was answered in words.
WITH pairs AS (
  SELECT a.id AS approval, i.id AS event, i.seq, position(a.code in upper(i.payload ->> 'text')) AS place,
    a.state <> 'changed' AND EXISTS (SELECT 1 FROM outbox WHERE outbox.replies_to = i.id) AS is_told
  FROM approvals a JOIN inbox i ON i.person_id = a.answered_by AND i.received_at = a.answered_at
  WHERE i.state = 'done' AND i.run_id IS NULL AND upper(i.payload ->> 'text') ~ ('\m' || a.code || '\M')
), ranked AS (
  SELECT approval, event, row_number() OVER (PARTITION BY approval ORDER BY place, is_told, seq, event) AS of_approval,
    row_number() OVER (PARTITION BY event ORDER BY place, approval) AS of_event
  FROM pairs
)
UPDATE approvals SET answered_event = ranked.event FROM ranked
WHERE approvals.id = ranked.approval AND of_approval = 1 AND of_event = 1;--> statement-breakpoint
-- A bare word (`yes`) names no code: the events of that moment that are left, in their order.
WITH undecided AS (
  SELECT id, answered_by, answered_at, row_number() OVER (PARTITION BY answered_by, answered_at ORDER BY created_at, id) AS place
  FROM approvals WHERE answered_by IS NOT NULL AND answered_event IS NULL
), free AS (
  SELECT i.id, i.person_id, i.received_at, row_number() OVER (PARTITION BY i.person_id, i.received_at ORDER BY
    EXISTS (SELECT 1 FROM outbox WHERE outbox.replies_to = i.id), i.seq, i.id) AS place
  FROM inbox i WHERE i.state = 'done' AND i.run_id IS NULL AND i.kind = 'message'
    AND NOT EXISTS (SELECT 1 FROM approvals WHERE approvals.answered_event = i.id)
)
UPDATE approvals SET answered_event = free.id FROM undecided, free
WHERE approvals.id = undecided.id AND free.person_id = undecided.answered_by AND free.received_at = undecided.answered_at
  AND free.place = undecided.place;--> statement-breakpoint
-- What was said to an event is about the approval which that event decided, or whose code it begins with: the newest then.
UPDATE outbox SET approval_id = (
  SELECT a.id FROM approvals a
  WHERE a.created_at <= outbox.created_at AND (a.answered_event = outbox.replies_to OR a.code = left(outbox.body ->> 'text', 2))
  ORDER BY coalesce(a.answered_event = outbox.replies_to, false) DESC, a.created_at DESC, a.id DESC LIMIT 1
) WHERE replies_to IS NOT NULL;--> statement-breakpoint
UPDATE outbox SET maybe_sent = error -> 'repeat' = 'true', error = error - 'repeat' WHERE error ? 'repeat';--> statement-breakpoint
CREATE UNIQUE INDEX "approvals_answered_event" ON "approvals" ("answered_event");--> statement-breakpoint
CREATE INDEX "outbox_approval" ON "outbox" ("approval_id") WHERE approval_id is not null;--> statement-breakpoint
CREATE INDEX "outbox_replies_to" ON "outbox" ("replies_to") WHERE replies_to is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "outbox_fallback_of" ON "outbox" ("fallback_of") WHERE fallback_of is not null;--> statement-breakpoint
ALTER TABLE "approvals" ADD CONSTRAINT "approvals_answered_event_inbox_id_fkey" FOREIGN KEY ("answered_event") REFERENCES "inbox"("id");--> statement-breakpoint
ALTER TABLE "outbox" ADD CONSTRAINT "outbox_approval_id_approvals_id_fkey" FOREIGN KEY ("approval_id") REFERENCES "approvals"("id");--> statement-breakpoint
ALTER TABLE "outbox" ADD CONSTRAINT "outbox_replies_to_inbox_id_fkey" FOREIGN KEY ("replies_to") REFERENCES "inbox"("id");--> statement-breakpoint
ALTER TABLE "outbox" ADD CONSTRAINT "outbox_fallback_of_outbox_id_fkey" FOREIGN KEY ("fallback_of") REFERENCES "outbox"("id");--> statement-breakpoint
-- `needs_review` was never set.
ALTER TABLE "runs" DROP CONSTRAINT "runs_state", ADD CONSTRAINT "runs_state" CHECK ("state" in ('running', 'waiting', 'done', 'failed', 'cancelled'));
