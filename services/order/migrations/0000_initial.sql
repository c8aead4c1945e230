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