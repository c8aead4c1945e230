ALTER TABLE "audit_entry" ADD COLUMN "client_address" text;--> statement-breakpoint
-- An entry without an address has the hash that it had before there were any.
CREATE OR REPLACE FUNCTION "audit_entry_hash"(entry "audit_entry") RETURNS bytea LANGUAGE sql STABLE AS $$
	SELECT sha256(entry.previous_hash || convert_to((jsonb_build_array(
		entry.seq, entry.id, extract(epoch from entry.at)::text, entry.action, entry.actor_id, entry.actor_role,
		entry.subject_type, entry.subject_id, entry.request_id, entry.user_agent, entry.before, entry.after)
		|| CASE WHEN entry.client_address IS NULL THEN '[]'::jsonb ELSE jsonb_build_array(entry.client_address) END)::text, 'UTF8'))
$$;
