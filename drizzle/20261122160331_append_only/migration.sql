-- The journal and the record of secret uses are append-only, and each journal row is chained to the one before it in
-- its run: sha256(prev || n | phase | kind | name | op | request | result). One chain a run, not one for the whole
-- table: a run has one writer at a time (its thread's lease), so no two workers ever wait for the same head.
create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only', tg_table_name using errcode = '42501';
end $$;
--> statement-breakpoint
create function chain_journal() returns trigger language plpgsql as $$
begin
  select hash into new.prev from public.journal where run_id = new.run_id order by id desc limit 1;
  new.hash := sha256(coalesce(new.prev, ''::bytea) || convert_to(
    concat_ws('|', new.run_id, new.n, new.phase, new.kind, new.name, new.op_id, new.request::text, new.result::text), 'UTF8'));
  return new;
end $$;
--> statement-breakpoint
create trigger journal_chain before insert on journal for each row execute function chain_journal();
--> statement-breakpoint
create trigger journal_rows before update or delete on journal for each row execute function refuse_change();
--> statement-breakpoint
create trigger journal_table before truncate on journal for each statement execute function refuse_change();
--> statement-breakpoint
create trigger secret_access_rows before update or delete on secret_access for each row execute function refuse_change();
--> statement-breakpoint
create trigger secret_access_table before truncate on secret_access for each statement execute function refuse_change();
