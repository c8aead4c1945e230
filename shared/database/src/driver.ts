import { openClient } from "./client.ts";
import { connectDatabase } from "./connect.ts";

/** How a process reaches its database: by a pool for its work, and by sessions of their own. Injected, so that a simulation can stand in between. */
export interface DatabaseDriver {
  readonly connectDatabase: typeof connectDatabase;
  readonly openClient: typeof openClient;
}

export const postgresDriver: DatabaseDriver = { connectDatabase, openClient };
