CREATE TABLE "login_attempts" (
	"username" text PRIMARY KEY NOT NULL,
	"attempted_at" timestamp with time zone[] NOT NULL,
	"newest_at" timestamp with time zone NOT NULL
);
