CREATE TABLE "audit_entry" (
	"seq" bigint PRIMARY KEY NOT NULL,
	"id" uuid NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"action" text NOT NULL,
	"actor_id" uuid,
	"actor_role" text,
	"subject_type" text NOT NULL,
	"subject_id" text,
	"request_id" text,
	"user_agent" text,
	"before" jsonb,
	"after" jsonb,
	"previous_hash" "bytea" NOT NULL,
	"hash" "bytea" NOT NULL,
	"client_address" text
);
--> statement-breakpoint
CREATE UNIQUE INDEX "audit_entry_by_id" ON "audit_entry" USING btree ("id");--> statement-breakpoint
CREATE INDEX "audit_entry_by_action" ON "audit_entry" USING btree ("action","id");--> statement-breakpoint
CREATE INDEX "audit_entry_by_actor" ON "audit_entry" USING btree ("actor_id","id");--> statement-breakpoint
CREATE INDEX "audit_entry_by_subject" ON "audit_entry" USING btree ("subject_id","id");--> statement-breakpoint
CREATE FUNCTION "audit_entry_hash"(entry "audit_entry") RETURNS bytea LANGUAGE sql STABLE AS $$
	SELECT sha256(entry.previous_hash || convert_to((jsonb_build_array(
		entry.seq, entry.id, extract(epoch from entry.at)::text, entry.action, entry.actor_id, entry.actor_role,
		entry.subject_type, entry.subject_id, entry.request_id, entry.user_agent, entry.before, entry.after)
		|| CASE WHEN entry.client_address IS NULL THEN '[]'::jsonb ELSE jsonb_build_array(entry.client_address) END)::text, 'UTF8'))
$$;
--> statement-breakpoint
CREATE FUNCTION "audit_entry_chain"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	head record;
BEGIN
	-- One transaction at a time appends, until it has ended: so the numbers have no gap, and each entry knows the hash of the one before.
	PERFORM pg_advisory_xact_lock(5310028);
	SELECT seq, hash INTO head FROM audit_entry ORDER BY seq DESC LIMIT 1;
	NEW.seq := coalesce(head.seq, 0) + 1;
	NEW.previous_hash := coalesce(head.hash, decode(repeat('00', 32), 'hex'));
	NEW.hash := audit_entry_hash(NEW);
	RETURN NEW;
END
$$;
--> statement-breakpoint
CREATE FUNCTION "audit_entry_is_append_only"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_OP = 'DELETE' THEN
		IF OLD.at < now() - interval '400 days' THEN
			RETURN OLD;
		END IF;
	END IF;
	RAISE EXCEPTION 'the audit trail is append-only; entries can be deleted after 400 days' USING ERRCODE = 'insufficient_privilege';
END
$$;
--> statement-breakpoint
CREATE TRIGGER "audit_entry_chain" BEFORE INSERT ON "audit_entry" FOR EACH ROW EXECUTE FUNCTION "audit_entry_chain"();
--> statement-breakpoint
CREATE TRIGGER "audit_entry_append_only" BEFORE UPDATE OR DELETE ON "audit_entry" FOR EACH ROW EXECUTE FUNCTION "audit_entry_is_append_only"();
--> statement-breakpoint
CREATE TRIGGER "audit_entry_no_truncate" BEFORE TRUNCATE ON "audit_entry" FOR EACH STATEMENT EXECUTE FUNCTION "audit_entry_is_append_only"();
--> statement-breakpoint
-- What the run-time role cannot do by itself: it only adds and reads entries. The trigger still keeps those that are younger than 400 days.
CREATE FUNCTION "delete_audit_entries"(before_at timestamp with time zone) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
	DELETE FROM public.audit_entry
	WHERE seq < (SELECT coalesce(min(seq), 9223372036854775807) FROM public.audit_entry WHERE at >= before_at) AND at < before_at
$$;
