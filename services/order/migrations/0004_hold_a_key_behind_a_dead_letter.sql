DROP INDEX "dead_letter_message";--> statement-breakpoint
ALTER TABLE "dead_letter" ADD COLUMN "seq" bigint NOT NULL GENERATED ALWAYS AS IDENTITY (sequence name "dead_letter_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1);--> statement-breakpoint
ALTER TABLE "dead_letter" ADD COLUMN "holds" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "dead_letter" ADD COLUMN "try_again_at" timestamp with time zone;--> statement-breakpoint
-- Of a message that was kept more than once the first letter stays.
DELETE FROM "dead_letter" "later" USING "dead_letter" "first" WHERE "later"."message_id" = "first"."message_id" AND "later"."cause" in ('REFUSED', 'HANDLER_FAILED') AND "first"."cause" in ('REFUSED', 'HANDLER_FAILED') AND "later"."id" > "first"."id";--> statement-breakpoint
CREATE UNIQUE INDEX "dead_letter_of_message" ON "dead_letter" USING btree ("message_id") WHERE "dead_letter"."cause" in ('REFUSED', 'HANDLER_FAILED', 'PROCESS_KILLED', 'PARKED');--> statement-breakpoint
CREATE INDEX "dead_letter_holding" ON "dead_letter" USING btree ("key","seq") WHERE "dead_letter"."holds" and "dead_letter"."replayed_at" is null;