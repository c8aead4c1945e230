-- What the run-time role cannot do by itself: it only adds and reads entries. The trigger still keeps those that are younger than 400 days.
CREATE FUNCTION "delete_audit_entries"(before_at timestamp with time zone) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
	DELETE FROM public.audit_entry
	WHERE seq < (SELECT coalesce(min(seq), 9223372036854775807) FROM public.audit_entry WHERE at >= before_at) AND at < before_at
$$;
