ALTER TABLE "refresh_tokens" ADD COLUMN "is_of_family" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "family_key" "bytea";