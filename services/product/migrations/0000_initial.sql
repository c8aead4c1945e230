CREATE TABLE "dead_letter" (
	"id" uuid PRIMARY KEY NOT NULL,
	"cause" text NOT NULL,
	"detail" text NOT NULL,
	"message_id" text,
	"type" text,
	"topic" text NOT NULL,
	"partition" integer NOT NULL,
	"record_offset" bigint NOT NULL,
	"key" text,
	"payload" "bytea",
	"headers" jsonb NOT NULL,
	"failed_at" timestamp with time zone NOT NULL,
	"replayed_at" timestamp with time zone,
	"seq" bigint GENERATED ALWAYS AS IDENTITY (sequence name "dead_letter_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"blocks_key" boolean DEFAULT false NOT NULL,
	"retry_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "in_flight" (
	"process" text NOT NULL,
	"retry" boolean DEFAULT false NOT NULL,
	"ranges" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"message_id" text,
	"marked_at" timestamp with time zone DEFAULT now() NOT NULL,
	"crashed_at" timestamp with time zone,
	CONSTRAINT "in_flight_process_retry_pk" PRIMARY KEY("process","retry")
);
--> statement-breakpoint
CREATE TABLE "inbox" (
	"message_id" text PRIMARY KEY NOT NULL,
	"handled_at" timestamp with time zone DEFAULT now() NOT NULL,
	"tx" text DEFAULT current_setting('transaction_deferrable') NOT NULL,
	CONSTRAINT "inbox_in_transaction" CHECK ("inbox"."tx" = 'on')
);
--> statement-breakpoint
CREATE TABLE "outbox" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "outbox_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"topic" text NOT NULL,
	"key" text NOT NULL,
	"payload" json NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"sent_at" timestamp with time zone,
	"tx" text DEFAULT current_setting('transaction_deferrable') NOT NULL,
	CONSTRAINT "outbox_in_transaction" CHECK ("outbox"."tx" = 'on'),
	CONSTRAINT "outbox_payload_is_object" CHECK (json_typeof("outbox"."payload") = 'object')
);
--> statement-breakpoint
CREATE TABLE "outbox_published" (
	"topic" text NOT NULL,
	"partition" integer NOT NULL,
	"end_offset" bigint NOT NULL,
	CONSTRAINT "outbox_published_topic_partition_pk" PRIMARY KEY("topic","partition")
);
--> statement-breakpoint
CREATE TABLE "outbox_recovery" (
	"topic" text PRIMARY KEY NOT NULL,
	"next_id" bigint NOT NULL,
	"last_id" bigint NOT NULL
);
--> statement-breakpoint
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
CREATE UNIQUE INDEX "dead_letter_record" ON "dead_letter" USING btree ("topic","partition","record_offset",md5(coalesce("payload", '')));--> statement-breakpoint
CREATE UNIQUE INDEX "dead_letter_of_message" ON "dead_letter" USING btree ("message_id") WHERE "dead_letter"."cause" in ('REFUSED', 'HANDLER_FAILED', 'PROCESS_KILLED', 'PARKED');--> statement-breakpoint
CREATE INDEX "dead_letter_by_cause" ON "dead_letter" USING btree ("cause","id");--> statement-breakpoint
CREATE INDEX "dead_letter_by_key" ON "dead_letter" USING btree (left("key", 64),"cause","id");--> statement-breakpoint
CREATE INDEX "dead_letter_open" ON "dead_letter" USING btree ("id") WHERE "dead_letter"."replayed_at" is null;--> statement-breakpoint
CREATE INDEX "dead_letter_settled" ON "dead_letter" USING btree ("replayed_at") WHERE "dead_letter"."replayed_at" is not null;--> statement-breakpoint
CREATE INDEX "dead_letter_blocking" ON "dead_letter" USING btree ("key","seq") WHERE "dead_letter"."blocks_key" and "dead_letter"."replayed_at" is null;--> statement-breakpoint
CREATE INDEX "inbox_handled_at" ON "inbox" USING brin ("handled_at");--> statement-breakpoint
CREATE INDEX "outbox_unsent" ON "outbox" USING btree ("id") WHERE "outbox"."sent_at" is null;--> statement-breakpoint
CREATE INDEX "product_on_sale" ON "product" USING btree ("id") WHERE "product"."withdrawn_at" is null;--> statement-breakpoint
CREATE INDEX "reservation_changed_in" ON "reservation" USING brin ("changed_in") WITH (autosummarize=true);--> statement-breakpoint
CREATE INDEX "stock_change_of_product" ON "stock_change" USING btree ("product_id");--> statement-breakpoint
CREATE INDEX "stock_change_made_in" ON "stock_change" USING brin ("made_in") WITH (autosummarize=true);--> statement-breakpoint
INSERT INTO "stock_audit" DEFAULT VALUES;
