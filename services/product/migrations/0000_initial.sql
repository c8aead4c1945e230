CREATE TABLE "product" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"description" text NOT NULL,
	"price" integer NOT NULL,
	"currency" text NOT NULL,
	"stock" integer NOT NULL,
	"taken" integer DEFAULT 0 NOT NULL,
	"version" integer DEFAULT 1 NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"withdrawn_at" timestamp with time zone,
	CONSTRAINT "product_price_in_range" CHECK ("product"."price" between 0 and 1000000000),
	CONSTRAINT "product_stock_never_negative" CHECK ("product"."stock" >= 0 and "product"."taken" >= 0),
	CONSTRAINT "product_stock_has_room_for_returns" CHECK ("product"."stock" <= 2147483647 - "product"."taken")
);
--> statement-breakpoint
CREATE TABLE "reservation" (
	"order_id" uuid PRIMARY KEY NOT NULL,
	"status" text NOT NULL,
	"refusal" text,
	"items" jsonb NOT NULL,
	"decided_at" timestamp with time zone NOT NULL,
	"returned_at" timestamp with time zone,
	"decided_in" bigint DEFAULT (pg_current_xact_id()::text::bigint),
	"changed_in" bigint DEFAULT (pg_current_xact_id()::text::bigint),
	CONSTRAINT "reservation_status_known" CHECK ("reservation"."status" in ('TAKEN', 'REFUSED', 'RETURNED')),
	CONSTRAINT "reservation_refused_with_reason" CHECK (("reservation"."status" = 'REFUSED') = ("reservation"."refusal" is not null)),
	CONSTRAINT "reservation_items_are_array" CHECK (jsonb_typeof("reservation"."items") = 'array')
);
--> statement-breakpoint
CREATE TABLE "stock_audit" (
	"id" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"snapshot" text,
	"database" text,
	"counted_at" timestamp with time zone,
	CONSTRAINT "stock_audit_is_one_row" CHECK ("stock_audit"."id")
);
--> statement-breakpoint
CREATE TABLE "stock_audit_total" (
	"product_id" uuid PRIMARY KEY NOT NULL,
	"held" bigint NOT NULL,
	"brought_in" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "stock_change" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "stock_change_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"product_id" uuid NOT NULL,
	"delta" integer NOT NULL,
	"changed_by" uuid,
	"changed_at" timestamp with time zone NOT NULL,
	"made_in" bigint DEFAULT (pg_current_xact_id()::text::bigint)
);
--> statement-breakpoint
ALTER TABLE "stock_change" ADD CONSTRAINT "stock_change_product_id_product_id_fk" FOREIGN KEY ("product_id") REFERENCES "public"."product"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "product_on_sale" ON "product" USING btree ("id") WHERE "product"."withdrawn_at" is null;--> statement-breakpoint
CREATE INDEX "reservation_changed_in" ON "reservation" USING brin ("changed_in") WITH (autosummarize=true);--> statement-breakpoint
CREATE INDEX "stock_change_of_product" ON "stock_change" USING btree ("product_id");--> statement-breakpoint
CREATE INDEX "stock_change_made_in" ON "stock_change" USING brin ("made_in") WITH (autosummarize=true);--> statement-breakpoint
INSERT INTO "stock_audit" DEFAULT VALUES;
--> statement-breakpoint
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
--> statement-breakpoint
CREATE TABLE "bulk_operation" (
	"id" uuid PRIMARY KEY NOT NULL,
	"action" text NOT NULL,
	"selection" jsonb NOT NULL,
	"status" text NOT NULL,
	"total" integer NOT NULL,
	"done" integer DEFAULT 0 NOT NULL,
	"outcomes" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"refusals" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"position" uuid,
	"rate_per_second" integer NOT NULL,
	"requested_by" uuid NOT NULL,
	"idempotency_key" text NOT NULL,
	"started_at" timestamp with time zone NOT NULL,
	"updated_at" timestamp with time zone NOT NULL,
	"next_at" timestamp with time zone NOT NULL,
	"finished_at" timestamp with time zone,
	CONSTRAINT "bulk_operation_of_key" UNIQUE("requested_by","idempotency_key"),
	CONSTRAINT "bulk_operation_ended" CHECK (("bulk_operation"."status" = 'RUNNING') = ("bulk_operation"."finished_at" is null))
);
--> statement-breakpoint
CREATE INDEX "bulk_operation_running" ON "bulk_operation" USING btree ("id") WHERE "bulk_operation"."status" = 'RUNNING';
