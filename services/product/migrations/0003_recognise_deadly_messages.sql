CREATE TABLE "deadly_message" (
	"message_id" text PRIMARY KEY NOT NULL,
	"deaths" integer NOT NULL,
	"last_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "in_hand" (
	"process" text PRIMARY KEY NOT NULL,
	"ranges" jsonb NOT NULL,
	"message_id" text,
	"marked_at" timestamp with time zone DEFAULT now() NOT NULL
);
