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