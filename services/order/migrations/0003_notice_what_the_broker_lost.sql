CREATE TABLE "outbox_published" (
	"topic" text NOT NULL,
	"partition" integer NOT NULL,
	"end_offset" bigint NOT NULL,
	CONSTRAINT "outbox_published_topic_partition_pk" PRIMARY KEY("topic","partition")
);
--> statement-breakpoint
CREATE TABLE "outbox_resend" (
	"topic" text PRIMARY KEY NOT NULL,
	"next_id" bigint NOT NULL,
	"last_id" bigint NOT NULL
);
--> statement-breakpoint
-- Of a message that was kept more than once the first letter stays.
DELETE FROM "dead_letter" "later" USING "dead_letter" "first" WHERE "later"."message_id" = "first"."message_id" AND md5(coalesce("later"."payload", '')) = md5(coalesce("first"."payload", '')) AND "later"."id" > "first"."id";--> statement-breakpoint
CREATE UNIQUE INDEX "dead_letter_message" ON "dead_letter" USING btree ("message_id",md5(coalesce("payload", ''))) WHERE "dead_letter"."message_id" is not null;