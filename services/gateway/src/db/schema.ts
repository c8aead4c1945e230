import { doublePrecision, integer, pgTable, text, timestamp } from "drizzle-orm/pg-core";

/**
 * Token buckets that the gateway's replicas share. The migration makes the table UNLOGGED: after a crash of the server all buckets are full, and
 * nothing of it is written twice.
 */
export const rateBucket = pgTable("rate_bucket", {
  /** The name of the limit and whom it counts, such as `user 01939e6a-…`. */
  key: text("key").primaryKey(),
  tokens: doublePrecision("tokens").notNull(),
  /** Up to when `tokens` counts what was gained. */
  refilledAt: timestamp("refilled_at", { withTimezone: true, mode: "date" }).notNull(),
  /** What the last call was given. */
  granted: integer("granted").notNull(),
});
