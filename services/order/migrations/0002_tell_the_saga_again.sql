ALTER TABLE "orders" ADD COLUMN "cancel_request_reason" text;--> statement-breakpoint
ALTER TABLE "orders" ADD COLUMN "tell_again_at" timestamp with time zone;--> statement-breakpoint
CREATE INDEX "orders_unheard" ON "orders" USING btree ("tell_again_at") WHERE "orders"."tell_again_at" is not null;