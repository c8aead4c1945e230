ALTER TABLE "saga_history" ADD COLUMN "times" integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "saga_history" ADD COLUMN "last_at" timestamp with time zone;