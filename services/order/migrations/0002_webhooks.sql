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