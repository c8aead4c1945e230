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
	"replayed_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "delivery" (
	"id" uuid PRIMARY KEY NOT NULL,
	"order_id" uuid NOT NULL,
	"customer_id" uuid NOT NULL,
	"status" text NOT NULL,
	"delivery_address" text NOT NULL,
	"rider_id" uuid,
	"fail_reason" text,
	"created_at" timestamp with time zone NOT NULL,
	"updated_at" timestamp with time zone NOT NULL,
	"completed_at" timestamp with time zone,
	CONSTRAINT "delivery_status_known" CHECK ("delivery"."status" in ('PENDING', 'COMPLETE', 'CANCELLED', 'FAILED')),
	CONSTRAINT "delivery_completed_by_a_rider" CHECK (("delivery"."status" = 'COMPLETE') = ("delivery"."completed_at" is not null) and ("delivery"."status" <> 'COMPLETE' or "delivery"."rider_id" is not null)),
	CONSTRAINT "delivery_failed_with_reason" CHECK (("delivery"."status" = 'FAILED') = ("delivery"."fail_reason" is not null) and ("delivery"."status" <> 'FAILED' or "delivery"."rider_id" is not null))
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
CREATE UNIQUE INDEX "dead_letter_record" ON "dead_letter" USING btree ("topic","partition","record_offset",md5(coalesce("payload", '')));--> statement-breakpoint
CREATE UNIQUE INDEX "delivery_of_order" ON "delivery" USING btree ("order_id");--> statement-breakpoint
CREATE INDEX "delivery_of_customer" ON "delivery" USING btree ("customer_id","id");--> statement-breakpoint
CREATE INDEX "delivery_waiting" ON "delivery" USING btree ("id") WHERE "delivery"."status" = 'PENDING';--> statement-breakpoint
CREATE INDEX "inbox_handled_at" ON "inbox" USING brin ("handled_at");--> statement-breakpoint
CREATE INDEX "outbox_unsent" ON "outbox" USING btree ("id") WHERE "outbox"."sent_at" is null;