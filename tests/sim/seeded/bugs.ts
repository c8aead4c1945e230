import type { Habits } from "../../harness/load/load.ts";
import type { Rule } from "../../harness/rules/rules.ts";

/** A mistake that is made in the product's source as it is loaded. */
export interface Mistake {
  readonly name: string;
  /** From the root of the repository. */
  readonly file: string;
  /** Stands in the file exactly once, or the test says that it has to be looked at again. */
  readonly found: string;
  readonly replaced: string;
  /** Further replacements in the same file. */
  readonly also?: readonly (readonly [found: string, replaced: string])[];
}

/** A mistake that must be caught in every check, under faults that show it. */
export interface Bug extends Mistake {
  /** The faults under which it shows. */
  readonly faults: readonly string[];
  /** What clients do more often than usual. */
  readonly habits?: Partial<Habits>;
  /** Any of these is broken by it. */
  readonly rules: readonly Rule[];
}

export const BUGS: readonly Bug[] = [
  {
    name: "the inbox is off",
    file: "shared/messaging/src/inbox/inbox.ts",
    found: "const { fresh, blocked } = await firstSeen(tx, busy.free, ",
    replaced: "const fresh = busy.free; const { blocked } = await firstSeen(tx, [], ",
    faults: ["duplicates", "replays"],
    rules: ["I3"],
  },
  {
    name: "messages are committed before the change that they tell of",
    file: "shared/messaging/src/messaging.ts",
    found: "const outbox = createOutbox({ ids, clock, wakeRelay: relay.wake, tracing });",
    replaced:
      "const real = createOutbox({ ids, clock, wakeRelay: relay.wake, tracing }); const outbox = { ...real, send: async (_tx, messages) => (await import('@shop/database/transaction')).inTransaction(db, (own) => real.send(own, messages)) };",
    faults: ["crashes"],
    rules: ["I6"],
  },
  {
    name: "the insert into the outbox is not awaited",
    file: "shared/messaging/src/outbox/outbox.ts",
    found: "await tx.execute(sql`",
    // Of orders alone, or no product would ever be on sale.
    replaced:
      "if (rows.some(({ topic }) => topic === 'order.events')) void tx.execute(sql`select 1`); else await tx.execute(sql`",
    faults: [],
    rules: ["I6"],
  },
  {
    name: "the relay reads on from the highest id that it has seen",
    file: "shared/messaging/src/outbox/relay-session.ts",
    found: "    order by outbox.id limit ${limit}`;",
    replaced: "    and id > ${seen} order by outbox.id limit ${limit}`;",
    also: [
      ["  let lost = false;", "  let lost = false; let seen = 0;"],
      [
        "  function own(rows: readonly ReadRow[]): readonly PendingRow[] {\n",
        "  function own(rows: readonly ReadRow[]): readonly PendingRow[] { seen = rows.reduce((max, { id }) => Math.max(max, Number(id)), seen);\n",
      ],
    ],
    faults: ["slowness"],
    rules: ["I7"],
  },
  {
    name: "offsets are committed before the database",
    file: "shared/messaging/src/kafka/consumer/work-queue.ts",
    found: "      left = (await handle(batch, closing.signal)) ?? [];",
    replaced: "      noteEnds(batch); left = (await handle(batch, closing.signal)) ?? [];",
    faults: ["kills", "databases away", "slowness"],
    rules: ["I7"],
  },
  {
    name: "a compensation that comes first leaves no tombstone",
    file: "services/product/src/db/reservations.ts",
    found: "  return new Map(rows.map((row) => [row.orderId, row]));",
    replaced:
      "  if (wanted[0]?.status === 'RETURNED') await tx.execute(sql`delete from reservation where status = 'RETURNED' and returned_at is null and order_id = any(${uuidArray(wanted.map(({ orderId }) => orderId))})`); return new Map(rows.map((row) => [row.orderId, row]));",
    faults: ["late messages"],
    rules: ["I1", "I2", "I3", "I4"],
  },
  {
    name: "a saga is neither locked nor checked for having been changed meanwhile",
    file: "services/orchestrator/src/saga/store.ts",
    found: " order by order_id for update`,",
    replaced: " order by order_id`,",
    also: [
      ['where saga.id = r.id and saga.revision = r."readRevision"', "where saga.id = r.id"],
      // Two entries with one number would be refused, and so be noticed as well.
      [
        'from json_to_recordset(${value("history")}::json) as r(${historyColumns}))\n    select (',
        'from json_to_recordset(${value("history")}::json) as r(${historyColumns}) on conflict do nothing)\n    select (',
      ],
    ],
    faults: ["slowness", "rebalances"],
    habits: { cancelled: 0.9, orders: 20, ordersPerSecond: 20 },
    rules: ["I2", "I3", "I4", "I7"],
  },
  {
    name: "a message is a dead letter for good when the database is away",
    file: "shared/messaging/src/inbox/inbox.ts",
    found: "if (isTransient(error) && !takesTooLong) {",
    replaced: "if (isTransient(error) && attempt > 1_000 && !takesTooLong) {",
    also: [
      ["if (error instanceof MessageRefused || failures >= ATTEMPTS) {", "if (attempt >= 1) {"],
      // What failed for another reason than a refusal succeeds on a later retry.
      ['error instanceof MessageRefused ? "REFUSED" : "HANDLER_FAILED"', '"REFUSED"'],
    ],
    faults: ["databases away", "broken connections"],
    rules: ["I7"],
  },
  {
    name: "what is in flight is never marked",
    file: "shared/messaging/src/inbox/in-flight.ts",
    found: "isMarking = recent.length > 0;",
    replaced: "isMarking = false;",
    faults: ["poison messages"],
    rules: ["I7"],
  },
  {
    name: "only the process that found a crash marks what is in flight",
    file: "shared/messaging/src/inbox/in-flight.ts",
    found: "isMarking = recent.length > 0;",
    replaced: "isMarking ||= found.length > 0;",
    faults: ["poison messages", "rebalances"],
    rules: ["I7"],
  },
  {
    name: "a message is taken for poison at the first crash",
    file: "shared/messaging/src/inbox/in-flight.ts",
    found: "export const POISON_AFTER_CRASHES = 2;",
    replaced: "export const POISON_AFTER_CRASHES = 1;",
    faults: ["crashes", "kills"],
    rules: ["I7"],
  },
  {
    name: "an idempotency key is stored in a transaction of its own",
    file: "services/order/src/use-cases/place-order.ts",
    found: "  const taken = inTurn ? await takeKeys(tx, newKeys) : insertKeys(tx, newKeys);",
    replaced: "  const taken = await db.transaction((own) => takeKeys(own, newKeys));",
    also: [["  { outbox, clock, ids }: Context,", "  { db, outbox, clock, ids }: Context,"]],
    faults: ["refusals", "crashes", "broken connections"],
    rules: ["I3", "I8"],
  },
  {
    name: "the relay marks messages before the broker has acknowledged them",
    file: "shared/messaging/src/outbox/relay.ts",
    found:
      "        const acknowledgements = await publish(leading, rows);\n        if (acknowledgements !== undefined) {",
    replaced:
      "        await session.markAndRead({ ids: rows.map(({ id }) => id), ends: [] }, 1, []);\n        const acknowledgements = await publish(leading, rows);\n        if (acknowledgements !== undefined) {",
    faults: ["kills", "crashes"],
    rules: ["I7"],
  },
  {
    name: "stock is given back as often as that is asked for",
    file: "services/product/src/use-cases/return-stock.ts",
    found: 'filter(({ status }) => status === "TAKEN")',
    replaced: 'filter(({ status }) => status !== "REFUSED")',
    faults: ["freezes", "the broker away", "late messages"],
    habits: { orders: 20, ordersPerSecond: 8, cancelled: 0.7, contended: 0.3 },
    rules: ["I1", "I4"],
  },
  {
    name: "a cancel reverts a delivery that has been completed",
    file: "services/delivery/src/db/deliveries.ts",
    found: "(case delivery.status when 'PENDING' then 'CANCELLED' else delivery.status end)",
    replaced: "(case delivery.status when 'FAILED' then delivery.status else 'CANCELLED' end)",
    // The database refuses some of it by itself: then the command is a dead letter.
    faults: ["late messages"],
    rules: ["I2", "I4", "I7", "I8"],
  },
  {
    name: "a delivery is changed whatever became of it since that was decided",
    file: "services/delivery/src/db/deliveries.ts",
    found: `delivery.status = wanted."wasStatus" and delivery.rider_id is not distinct from wanted."wasRider"`,
    replaced: "true",
    faults: [],
    habits: { contended: 0.9, cancelled: 0, completed: 0, raced: 0.1, failed: 0 },
    rules: ["I4", "I8"],
  },
  {
    name: "a message tells of a change that was not made",
    file: "shared/messaging/src/outbox/outbox.ts",
    found: 'where "rowId" in (${changed}) order by index',
    replaced: "order by index",
    faults: [],
    habits: { contended: 0.1, cancelled: 0, completed: 0, raced: 0.9, failed: 0 },
    rules: ["I2", "I4", "I6", "I7", "I8"],
  },
  {
    name: "an unanswered step is not compensated at its deadline",
    file: "services/orchestrator/src/saga/advance.ts",
    found: 'change.compensate("TIMED_OUT");',
    replaced: 'change.compensateBefore(change.forwardIndex(), "TIMED_OUT");',
    faults: ["a service away for minutes"],
    habits: { contended: 0, cancelled: 0, raced: 0, orders: 24, ordersPerSecond: 4 },
    rules: ["I1", "I2"],
  },
  {
    name: "a product is not locked while its stock is counted anew",
    file: "services/product/src/db/products.ts",
    found: '.where(onSale(id)).for("no key update");',
    replaced: ".where(onSale(id));",
    faults: ["slowness"],
    habits: { orders: 40, ordersPerSecond: 20 },
    rules: ["I1"],
  },
];
