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
CREATE UNIQUE INDEX "dead_letter_record" ON "dead_letter" USING btree ("topic","partition","record_offset",md5(coalesce("payload", '')));--> statement-breakpoint
CREATE UNIQUE INDEX "dead_letter_of_message" ON "dead_letter" USING btree ("message_id") WHERE "dead_letter"."cause" in ('REFUSED', 'HANDLER_FAILED', 'PROCESS_KILLED', 'PARKED');--> statement-breakpoint
CREATE INDEX "dead_letter_by_cause" ON "dead_letter" USING btree ("cause","id");--> statement-breakpoint
CREATE INDEX "dead_letter_by_key" ON "dead_letter" USING btree (left("key", 64),"cause","id");--> statement-breakpoint
CREATE INDEX "dead_letter_open" ON "dead_letter" USING btree ("id") WHERE "dead_letter"."replayed_at" is null;--> statement-breakpoint
CREATE INDEX "dead_letter_settled" ON "dead_letter" USING btree ("replayed_at") WHERE "dead_letter"."replayed_at" is not null;--> statement-breakpoint
CREATE INDEX "dead_letter_blocking" ON "dead_letter" USING btree ("key","seq") WHERE "dead_letter"."blocks_key" and "dead_letter"."replayed_at" is null;--> statement-breakpoint
CREATE INDEX "inbox_handled_at" ON "inbox" USING brin ("handled_at");--> statement-breakpoint
CREATE INDEX "outbox_unsent" ON "outbox" USING btree ("id") WHERE "outbox"."sent_at" is null;