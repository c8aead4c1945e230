CREATE TABLE "audit" (
	"one" smallint PRIMARY KEY DEFAULT 1 NOT NULL,
	"before_saga_id" uuid,
	"audit_id" uuid,
	"asked_at" timestamp with time zone,
	"asked" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"reported" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"round_finished_at" timestamp with time zone,
	"walk_finished_at" timestamp with time zone,
	CONSTRAINT "audit_has_one_row" CHECK ("audit"."one" = 1)
);
--> statement-breakpoint
CREATE TABLE "audit_finding" (
	"order_id" uuid PRIMARY KEY NOT NULL,
	"detail" text NOT NULL,
	"revision" integer NOT NULL,
	"found_at" timestamp with time zone NOT NULL,
	"confirmed_at" timestamp with time zone
);
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
CREATE TABLE "saga" (
	"id" uuid PRIMARY KEY NOT NULL,
	"order_id" uuid NOT NULL,
	"definition" text NOT NULL,
	"version" integer NOT NULL,
	"status" text NOT NULL,
	"step" text NOT NULL,
	"data" jsonb NOT NULL,
	"reason" text,
	"attempts" integer NOT NULL,
	"next_attempt_at" timestamp with time zone,
	"deadline" timestamp with time zone,
	"stuck_since" timestamp with time zone,
	"traceparent" text,
	"revision" integer NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"updated_at" timestamp with time zone NOT NULL,
	CONSTRAINT "saga_order_id_unique" UNIQUE("order_id"),
	CONSTRAINT "saga_data_is_object" CHECK (jsonb_typeof("saga"."data") = 'object')
);
--> statement-breakpoint
CREATE TABLE "saga_history" (
	"saga_id" uuid NOT NULL,
	"seq" bigint NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"step" text NOT NULL,
	"message" text,
	"detail" text NOT NULL,
	"times" integer DEFAULT 1 NOT NULL,
	"last_at" timestamp with time zone,
	CONSTRAINT "saga_history_saga_id_seq_pk" PRIMARY KEY("saga_id","seq")
);
--> statement-breakpoint
CREATE INDEX "bulk_operation_running" ON "bulk_operation" USING btree ("id") WHERE "bulk_operation"."status" = 'RUNNING';--> statement-breakpoint
CREATE INDEX "saga_due" ON "saga" USING btree ("next_attempt_at") WHERE "saga"."next_attempt_at" is not null;--> statement-breakpoint
CREATE INDEX "saga_by_status" ON "saga" USING btree ((case when "stuck_since" is null then "status" else 'STUCK' end),"step","id");--> statement-breakpoint
CREATE INDEX "saga_by_reason" ON "saga" USING btree ("reason",(case when "stuck_since" is null then "status" else 'STUCK' end),"step","id") WHERE "saga"."reason" is not null;