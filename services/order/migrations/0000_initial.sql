CREATE TABLE "catalogue" (
	"product_id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"price" bigint NOT NULL,
	"currency" text NOT NULL,
	"withdrawn" boolean NOT NULL,
	"version" integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE "catalogue_announcement" (
	"id" integer PRIMARY KEY NOT NULL,
	"products" integer NOT NULL,
	"complete" boolean NOT NULL,
	CONSTRAINT "catalogue_announcement_is_one" CHECK ("catalogue_announcement"."id" = 1)
);
--> statement-breakpoint
CREATE TABLE "idempotency_key" (
	"customer_id" uuid NOT NULL,
	"key" text NOT NULL,
	"body_hash" text NOT NULL,
	"order_id" uuid NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	CONSTRAINT "idempotency_key_customer_id_key_pk" PRIMARY KEY("customer_id","key")
);
--> statement-breakpoint
CREATE TABLE "order_search" (
	"order_id" uuid PRIMARY KEY NOT NULL,
	"terms" "tsvector" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "orders" (
	"id" uuid PRIMARY KEY NOT NULL,
	"customer_id" uuid NOT NULL,
	"status" text NOT NULL,
	"progress" text NOT NULL,
	"cancel_reason" text,
	"cancel_requested_at" timestamp with time zone,
	"cancel_request_reason" text,
	"republish_at" timestamp with time zone,
	"items" json NOT NULL,
	"total" bigint NOT NULL,
	"currency" text NOT NULL,
	"delivery_address" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"updated_at" timestamp with time zone NOT NULL,
	"changes" jsonb DEFAULT '[]'::jsonb NOT NULL,
	CONSTRAINT "orders_changes_are_array" CHECK (jsonb_typeof("orders"."changes") = 'array'),
	CONSTRAINT "orders_items_are_array" CHECK (json_typeof("orders"."items") = 'array'),
	CONSTRAINT "orders_cancelled_with_reason" CHECK (("orders"."status" = 'CANCELLED') = ("orders"."cancel_reason" is not null))
);
--> statement-breakpoint
CREATE INDEX "idempotency_key_created_at" ON "idempotency_key" USING brin ("created_at");--> statement-breakpoint
CREATE INDEX "order_search_terms" ON "order_search" USING gin ("terms");--> statement-breakpoint
CREATE INDEX "orders_of_customer" ON "orders" USING btree ("customer_id","id");--> statement-breakpoint
CREATE INDEX "orders_by_status" ON "orders" USING btree ("status","id");--> statement-breakpoint
CREATE INDEX "orders_by_reason" ON "orders" USING btree ("cancel_reason","id") WHERE "orders"."cancel_reason" is not null;--> statement-breakpoint
CREATE INDEX "orders_to_republish" ON "orders" USING btree ("republish_at") WHERE "orders"."republish_at" is not null;
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
CREATE TABLE "webhook" (
	"id" uuid PRIMARY KEY NOT NULL,
	"url" text NOT NULL,
	"description" text NOT NULL,
	"events" text[] NOT NULL,
	"enabled" boolean NOT NULL,
	"secret" text NOT NULL,
	"previous_secret" text,
	"previous_secret_until" timestamp with time zone,
	"created_at" timestamp with time zone NOT NULL,
	"updated_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "webhook_delivery" (
	"id" uuid PRIMARY KEY DEFAULT uuidv7() NOT NULL,
	"seq" bigint GENERATED ALWAYS AS IDENTITY (sequence name "webhook_delivery_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"webhook_id" uuid NOT NULL,
	"order_id" uuid NOT NULL,
	"type" text NOT NULL,
	"delivery_id" uuid,
	"at" timestamp with time zone NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"first_attempt_at" timestamp with time zone,
	"next_attempt_at" timestamp with time zone NOT NULL,
	"delivered_at" timestamp with time zone,
	"dead_at" timestamp with time zone,
	"last_status" integer,
	"last_error" text,
	CONSTRAINT "webhook_delivery_ended_once" CHECK ("webhook_delivery"."delivered_at" is null or "webhook_delivery"."dead_at" is null),
	CONSTRAINT "webhook_delivery_of_created_delivery" CHECK (("webhook_delivery"."type" = 'delivery.created') = ("webhook_delivery"."delivery_id" is not null))
);
--> statement-breakpoint
CREATE INDEX "webhook_delivery_due" ON "webhook_delivery" USING btree ("webhook_id","next_attempt_at") WHERE "webhook_delivery"."delivered_at" is null and "webhook_delivery"."dead_at" is null;--> statement-breakpoint
CREATE INDEX "webhook_delivery_undelivered" ON "webhook_delivery" USING btree ("webhook_id","order_id","seq") WHERE "webhook_delivery"."delivered_at" is null;--> statement-breakpoint
CREATE INDEX "webhook_delivery_delivered" ON "webhook_delivery" USING btree ("delivered_at") WHERE "webhook_delivery"."delivered_at" is not null;--> statement-breakpoint
CREATE INDEX "webhook_delivery_of_webhook" ON "webhook_delivery" USING btree ("webhook_id","id");
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
