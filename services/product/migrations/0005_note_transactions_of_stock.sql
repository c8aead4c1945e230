CREATE TABLE "stock_audit" (
	"id" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"snapshot" text,
	"database" text,
	"counted_at" timestamp with time zone,
	CONSTRAINT "stock_audit_is_one_row" CHECK ("stock_audit"."id")
);
--> statement-breakpoint
INSERT INTO "stock_audit" DEFAULT VALUES;
--> statement-breakpoint
CREATE TABLE "stock_audit_total" (
	"product_id" uuid PRIMARY KEY NOT NULL,
	"held" bigint NOT NULL,
	"brought_in" bigint NOT NULL
);
--> statement-breakpoint
-- In two steps: added together with a default that is not constant, PostgreSQL would write the whole table anew under its lock.
ALTER TABLE "reservation" ADD COLUMN "decided_in" bigint;--> statement-breakpoint
ALTER TABLE "reservation" ALTER COLUMN "decided_in" SET DEFAULT (pg_current_xact_id()::text::bigint);--> statement-breakpoint
ALTER TABLE "reservation" ADD COLUMN "changed_in" bigint;--> statement-breakpoint
ALTER TABLE "reservation" ALTER COLUMN "changed_in" SET DEFAULT (pg_current_xact_id()::text::bigint);--> statement-breakpoint
ALTER TABLE "stock_change" ADD COLUMN "made_in" bigint;--> statement-breakpoint
ALTER TABLE "stock_change" ALTER COLUMN "made_in" SET DEFAULT (pg_current_xact_id()::text::bigint);