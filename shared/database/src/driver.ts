import { openClient } from "./client.ts";
import { connectDatabase } from "./connect.ts";
import { connectReader } from "./reader.ts";

/** How a process reaches its database: by a pool for its work, by one for what calls read, and by sessions of their own. Injected, so that a simulation can stand in between. */
export interface DatabaseDriver {
  readonly connectDatabase: typeof connectDatabase;
  readonly connectReader: typeof connectReader;
  readonly openClient: typeof openClient;
}

export const postgresDriver: DatabaseDriver = { connectDatabase, connectReader, openClient };
