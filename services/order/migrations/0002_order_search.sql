CREATE TABLE "order_search" (
	"order_id" uuid PRIMARY KEY NOT NULL,
	"terms" "tsvector" NOT NULL
);
--> statement-breakpoint
CREATE INDEX "order_search_terms" ON "order_search" USING gin ("terms");