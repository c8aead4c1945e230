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