CREATE TABLE "audit" (
	"one" smallint PRIMARY KEY DEFAULT 1 NOT NULL,
	"before_saga_id" uuid,
	"audit_id" uuid,
	"asked_at" timestamp with time zone,
	"asked" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"told" jsonb DEFAULT '{}'::jsonb NOT NULL,
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
