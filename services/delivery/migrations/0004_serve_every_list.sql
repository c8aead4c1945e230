CREATE INDEX CONCURRENTLY "dead_letter_by_cause" ON "dead_letter" USING btree ("cause","id");--> statement-breakpoint
CREATE INDEX CONCURRENTLY "dead_letter_by_key" ON "dead_letter" USING btree (left("key", 64),"cause","id");--> statement-breakpoint
CREATE INDEX CONCURRENTLY "dead_letter_open" ON "dead_letter" USING btree ("id") WHERE "dead_letter"."replayed_at" is null;--> statement-breakpoint
CREATE INDEX CONCURRENTLY "dead_letter_settled" ON "dead_letter" USING btree ("replayed_at") WHERE "dead_letter"."replayed_at" is not null;--> statement-breakpoint
CREATE INDEX CONCURRENTLY "delivery_by_status" ON "delivery" USING btree ("status","id");--> statement-breakpoint
CREATE INDEX CONCURRENTLY "delivery_of_customer_by_status" ON "delivery" USING btree ("customer_id","status","id");--> statement-breakpoint
DROP INDEX CONCURRENTLY IF EXISTS "delivery_of_customer";--> statement-breakpoint
DROP INDEX CONCURRENTLY IF EXISTS "delivery_waiting";