ALTER TABLE "audit" ADD COLUMN "round_finished_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "audit" ADD COLUMN "walk_finished_at" timestamp with time zone;