import { connectDatabase } from "@shop/database/connect";
import { connectReader, type ReadDatabase } from "@shop/database/reader";
import { type SQL, sql } from "drizzle-orm";
import postgres from "postgres";

/** A node of a plan, as `explain (analyze, format json)` gives it, as far as it is looked at here. */
interface PlanNode {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "Index Name"?: string;
  readonly "Actual Rows": number;
  readonly "Actual Loops": number;
  readonly "Rows Removed by Filter"?: number;
  readonly "Rows Removed by Index Recheck"?: number;
  readonly Plans?: readonly PlanNode[];
}

export interface ReadPlan {
  /** The plan in short: its nodes, with their tables and indexes. */
  readonly nodes: readonly string[];
  /** Tables that are read from end to end. */
  readonly scanned: readonly string[];
  /** How many rows were read from tables, those that a filter dropped too. */
  readonly rowsRead: number;
  /** How many rows were sorted, at most in one sort. */
  readonly rowsSorted: number;
}

/** Makes very many rows, and has the planner know of them. */
export async function fill(url: string, ...statements: readonly SQL[]): Promise<void> {
  const db = connectDatabase({ url, applicationName: "fill", max: 1, statementTimeoutMs: 600_000 });
  for (const statement of [...statements, sql`vacuum analyze`]) await db.execute(statement);
  await db.$client.end();
}

interface Statement {
  readonly text: string;
  readonly parameters: readonly unknown[];
}

/**
 * How PostgreSQL carries out what `read` asks for, both when it plans for the values of the parameters and when it plans once for all of them,
 * which it may do for a prepared statement.
 * @param read a function of a service that reads; it is run once, for real
 * @returns for each of its statements the two plans
 */
export async function plansOf(url: string, read: (db: ReadDatabase) => Promise<unknown>): Promise<readonly ReadPlan[]> {
  const statements: Statement[] = [];
  const reader = connectReader({
    ...{ url, applicationName: "plans", max: 1, statementTimeoutMs: 60_000 },
    onStatement: (text, parameters) => void statements.push({ text, parameters }),
  });
  const session = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    await read(reader.during(new AbortController().signal));
    const plans: ReadPlan[] = [];
    for (const { text, parameters } of statements) {
      await session.unsafe(`prepare planned as ${text}`);
      const values = parameters.map((value) => `'${String(value).replaceAll("'", "''")}'`).join(", ");
      for (const mode of ["force_custom_plan", "force_generic_plan"]) {
        await session`select set_config('plan_cache_mode', ${mode}, false)`;
        const rows = await session.unsafe<{ "QUERY PLAN": [{ Plan: PlanNode }] }[]>(
          `explain (analyze, format json) execute planned${parameters.length > 0 ? ` (${values})` : ""}`,
        );
        plans.push(...rows.map((row) => summed(row["QUERY PLAN"][0].Plan)));
      }
      await session`deallocate planned`;
    }
    return plans;
  } finally {
    await Promise.all([session.end(), reader.end()]);
  }
}

function summed(plan: PlanNode): ReadPlan {
  const all: PlanNode[] = [];
  const collect = (node: PlanNode) => {
    all.push(node);
    for (const child of node.Plans ?? []) collect(child);
  };
  collect(plan);
  const rows = (node: PlanNode) => node["Actual Rows"] * node["Actual Loops"];
  const removed = (node: PlanNode) =>
    ((node["Rows Removed by Filter"] ?? 0) + (node["Rows Removed by Index Recheck"] ?? 0)) * node["Actual Loops"];
  const read = all.filter((node) => node["Relation Name"] !== undefined || node["Node Type"] === "Bitmap Index Scan");
  return {
    nodes: all.map((node) => [node["Node Type"], node["Relation Name"], node["Index Name"]].filter(Boolean).join(" ")),
    scanned: all.filter((node) => node["Node Type"] === "Seq Scan").map((node) => String(node["Relation Name"])),
    rowsRead: read.reduce((sum, node) => sum + rows(node) + removed(node), 0),
    rowsSorted: Math.max(
      0,
      ...all
        .filter((node) => node["Node Type"] === "Sort")
        .map((node) => (node.Plans ?? []).reduce((sum, child) => sum + rows(child), 0)),
    ),
  };
}
