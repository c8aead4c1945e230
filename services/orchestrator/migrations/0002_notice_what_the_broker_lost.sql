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
