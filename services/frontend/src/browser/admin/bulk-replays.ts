import type { BulkAnswer, BulkOperation } from "@shop/contracts/http/bulk";
import { shop } from "../shop.ts";

/** Ids of the operations of all services, as one. */
const SEPARATOR = " ";

/** The operations of all services as one: it runs while one of them does. */
function together(operations: readonly BulkOperation[]): BulkOperation | null {
  const [first] = operations;
  if (first === undefined) return null;
  const outcomes: Record<string, number> = {};
  for (const one of operations)
    for (const [code, count] of Object.entries(one.outcomes)) outcomes[code] = (outcomes[code] ?? 0) + count;
  const sum = (of: (one: BulkOperation) => number) => operations.reduce((total, one) => total + of(one), 0);
  const status = (["RUNNING", "STOPPED"] as const).find((each) => operations.some((one) => one.status === each));
  return {
    ...first,
    id: operations.map(({ id }) => id).join(SEPARATOR),
    status: status ?? "DONE",
    total: sum(({ total }) => total),
    done: sum(({ done }) => done),
    outcomes,
  };
}

/** Counts dead letters of all services, or begins to replay them. */
export async function beginReplays(asked: Parameters<typeof shop.bulkDeadLetters>[0]): Promise<BulkAnswer> {
  const { operations, unavailable: _unavailable, ...answer } = await shop.bulkDeadLetters(asked);
  return { ...answer, operation: together(operations) };
}

export const readReplays = (ids: string, signal: AbortSignal): Promise<BulkOperation> =>
  ofAll(ids, (id) => shop.getDeadLetterBulk(id, { signal }));

export const stopReplays = (ids: string): Promise<BulkOperation> => ofAll(ids, (id) => shop.stopDeadLetterBulk(id));

async function ofAll(ids: string, ask: (id: string) => Promise<BulkOperation>): Promise<BulkOperation> {
  const operation = together(await Promise.all(ids.split(SEPARATOR).map(ask)));
  if (operation === null) throw new Error("an operation has one part at least");
  return operation;
}
