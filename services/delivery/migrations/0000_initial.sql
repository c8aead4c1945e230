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
CREATE INDEX "bulk_operation_running" ON "bulk_operation" USING btree ("id") WHERE "bulk_operation"."status" = 'RUNNING';--> statement-breakpoint
CREATE UNIQUE INDEX "delivery_of_order" ON "delivery" USING btree ("order_id");--> statement-breakpoint
CREATE INDEX "delivery_by_status" ON "delivery" USING btree ("status","id");--> statement-breakpoint
CREATE INDEX "delivery_of_customer_by_status" ON "delivery" USING btree ("customer_id","status","id");