import { connectDatabase, type Database } from "@shop/database/connect";
import { createTestDatabase, type TestDatabase } from "@shop/testing/database";
import { uniqueTopicPrefix } from "@shop/testing/topics";
import { messagingMigrations } from "../migrations.ts";
import { createEffects, type Node, type NodeOptions, startNode } from "./node.ts";

/** A database and topics of a test's own, and the nodes that it starts there. */
export interface Nodes {
  readonly database: TestDatabase;
  readonly db: Database;
  /** Put before the names of topics and groups. */
  readonly prefix: string;
  readonly start: (options?: Omit<NodeOptions, "databaseUrl" | "prefix">) => Promise<Node>;
  /** Those that are to be stopped at the end; a test that stops one itself takes it out. */
  readonly running: Node[];
  /** Stops what runs, and drops the database. */
  stop(): Promise<void>;
}

export async function createNodes(): Promise<Nodes> {
  const database = await createTestDatabase({ migrations: [messagingMigrations] });
  const db = connectDatabase({ url: database.url, applicationName: "test" });
  const prefix = uniqueTopicPrefix();
  const running: Node[] = [];
  await createEffects(db);
  return {
    ...{ database, db, prefix, running },
    async start(options = {}) {
      const node = await startNode({ databaseUrl: database.url, prefix, ...options });
      running.push(node);
      return node;
    },
    async stop() {
      await Promise.all(running.splice(0).map((node) => node.stop()));
      await db.$client.end({ timeout: 2 });
      await database.drop();
    },
  };
}
