import type { Database } from "@shop/database/connect";
import type { Reader } from "@shop/database/reader";
import type { HandledListener } from "@shop/messaging/messaging";
import type { Outbox } from "@shop/messaging/outbox/outbox";
import type { Clock } from "@shop/runtime/clock";
import type { IdSource } from "@shop/runtime/ids";
import type { Logger } from "@shop/runtime/logger";
import type { Metrics } from "@shop/runtime/metrics";
import type { Tracing } from "@shop/runtime/tracing";

/** What the use cases, routes and background work of a service that owns a database are built from. */
export interface DatabaseContext {
  readonly db: Database;
  /** What a call that only reads does so with: its statements end with the call, whose `signal` it is given. */
  readonly read: Reader["during"];
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Given where traces are exported. */
  readonly tracing?: Tracing | undefined;
}

/** The same for a service that takes part in the messaging, and its handlers. */
export interface ServiceContext extends DatabaseContext {
  readonly outbox: Outbox;
  /** Registers who is told, at once, the keys of messages whose effects this process has committed; other replicas' are not told. */
  readonly onHandled: (listener: HandledListener) => void;
}
