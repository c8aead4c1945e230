CREATE INDEX CONCURRENTLY "dead_letter_by_cause" ON "dead_letter" USING btree ("cause","id");--> statement-breakpoint
CREATE INDEX CONCURRENTLY "dead_letter_by_key" ON "dead_letter" USING btree (left("key", 64),"cause","id");--> statement-breakpoint
CREATE INDEX CONCURRENTLY "dead_letter_open" ON "dead_letter" USING btree ("id") WHERE "dead_letter"."replayed_at" is null;--> statement-breakpoint
CREATE INDEX CONCURRENTLY "dead_letter_settled" ON "dead_letter" USING btree ("replayed_at") WHERE "dead_letter"."replayed_at" is not null;