CREATE TABLE "in_flight" (
	"process" text NOT NULL,
	"retry" boolean DEFAULT false NOT NULL,
	"ranges" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"message_id" text,
	"marked_at" timestamp with time zone DEFAULT now() NOT NULL,
	"crashed_at" timestamp with time zone,
	CONSTRAINT "in_flight_process_retry_pk" PRIMARY KEY("process","retry")
);
--> statement-breakpoint
DROP TABLE "deadly_message" CASCADE;--> statement-breakpoint
DROP TABLE "in_hand" CASCADE;