import type { PlannedRequest } from "../driver/plan.ts";
import type { Servers } from "./servers.ts";

/** A system under test, with servers of its own: the reference, the product, or the product of another revision. */
export interface Side {
  readonly name: string;
  /** Where the driver calls. */
  readonly origin: string;
  readonly servers: Servers;
  /** From the start of its processes until all are ready, in milliseconds; its servers were there. */
  readonly readyMs: number;
  /** Process ids by process. */
  processes(): ReadonlyMap<string, number>;
  /** By process, for those that have metrics of messages. */
  readonly metricsUrls: ReadonlyMap<string, string>;
  /** Requests that place so many orders; half of them carry an idempotency key where the side knows such keys. */
  placeOrders(count: number): Promise<readonly PlannedRequest[]>;
  readonly deliveries: ArrivalQuery;
  /** What the reference lacks: a rider completes the delivery, and the order becomes complete. */
  readonly completion?: Completion;
  /**
   * Waits until nothing is under way, and checks that every order had all of its effects once: a side that loses or repeats work proves no speed.
   * @throws Error that says what does not add up
   */
  verify(): Promise<void>;
  stop(): Promise<void>;
}

/** Where an order's row appears when a part of its saga is done. */
export interface ArrivalQuery {
  readonly database: string;
  /**
   * Query with the one parameter `$1`, an array of order ids. It returns `order_id`, `id` and, as `at`, the commit time of the row as it is, in
   * milliseconds since 1970.
   */
  readonly query: string;
}

export interface Completion {
  /** Requests by which a rider completes these deliveries. */
  complete(deliveryIds: readonly string[]): Promise<readonly PlannedRequest[]>;
  readonly completed: ArrivalQuery;
}

/** The column `at` of a place: when the transaction that wrote the row as it is committed. */
export const COMMITTED_AT = "extract(epoch from pg_xact_commit_timestamp(xmin))::float8 * 1000 as at";
