import { escapeInvisible } from "@shop/client/escape-invisible";
import type { Shop } from "@shop/client/shop";
import { orderSaga } from "@shop/contracts/order-saga";
import {
  type Command,
  type Given,
  idOf,
  IncompleteError,
  LIMIT,
  everyItem,
  oneOf,
  type Row,
  UsageError,
} from "./command.ts";
import { DEAD_LETTER_FILTERS, deadLetterFilter } from "./dead-letters.ts";
import { renamed, RANGE, rangeOf } from "./filters.ts";
import { SAGA_REASONS, SAGA_STATUSES } from "./sagas.ts";

type Answer = Awaited<ReturnType<Shop["bulkSagas"]>>;
type Operation = Awaited<ReturnType<Shop["getSagaBulk"]>>;

const HOW = {
  "--ids <ids>": "these, with commas between them, instead of a filter",
  "--rate <n>": "how many a second at most; 200 by default",
  "--yes": "does it; without it they are counted, and some of them shown",
} as const;
const SAGA_FILTERS = {
  "--status <status>": `one of ${SAGA_STATUSES.join(", ")}`,
  "--step <step>": `one of ${orderSaga.steps.join(", ")}`,
  "--reason <reason>": `one of ${SAGA_REASONS.join(", ")}`,
  "--customer <customer>": "of this customer's orders",
  "--product <product>": "of orders with this product",
  ...RANGE,
} as const;

function howOf({ options, flags }: Given) {
  const rate = Number(options["rate"] ?? 200);
  if (!Number.isInteger(rate) || rate < 1 || rate > 1_000)
    throw new UsageError("--rate is a whole number from 1 to 1000.");
  return { dryRun: !flags.has("yes"), ratePerSecond: rate };
}

/** What a command is about: the ids that were given, or what its filter finds. */
function meant<Filter extends object>({ options }: Given, filter: Filter) {
  const ids = options["ids"]?.split(",").map((id) => id.trim());
  if (ids === undefined) return { filter };
  if (Object.keys(filter).length > 0) throw new UsageError("Give either --ids or a filter.");
  return { ids };
}

function operationRow(operation: Operation): Row {
  const { id, action, status, done, total, outcomes, startedAt } = operation;
  const refused = Object.entries(outcomes).filter(([code]) => code !== "DONE");
  return {
    shown: {
      OPERATION: id,
      ACTION: action,
      STATUS: status,
      DONE: `${done} of ${total}`,
      REFUSED: refused.map(([code, count]) => `${count} ${code}`).join(", "),
      STARTED: startedAt,
    },
    whole: operation,
    isBad: refused.length > 0,
  };
}

/** How often progress is shown, in milliseconds. */
const LOOK_MS = 1_000;

/** A dry run's count and sample, or the operation as it goes on, until it has ended. It goes on by itself when nobody looks. */
async function* carriedOut(answer: Answer, read: (id: string) => Promise<Operation>): AsyncGenerator<Row> {
  let { operation } = answer;
  if (operation === null) {
    // A dead letter's key and type are whatever anybody wrote.
    for (const { id, what } of answer.sample)
      yield { shown: { ID: id, WHAT: escapeInvisible(what).replaceAll(/\s+/g, " ") }, whole: answer };
    const more = answer.total - answer.sample.length;
    const words = more > 0 ? `and ${more} more; --yes does it` : `${answer.total} in all; --yes does it`;
    yield { shown: { ID: "", WHAT: words }, whole: answer };
    return;
  }
  for (;;) {
    yield operationRow(operation);
    if (operation.status !== "RUNNING") return;
    await Bun.sleep(LOOK_MS);
    operation = await read(operation.id);
  }
}

async function* onSagas(shop: Shop, call: Given, action: "RETRY" | "CANCEL"): AsyncGenerator<Row> {
  const { options } = call;
  const status = oneOf("status", options["status"], SAGA_STATUSES);
  const step = oneOf("step", options["step"], orderSaga.steps);
  const reason = oneOf("reason", options["reason"], SAGA_REASONS);
  const filter = {
    ...(status === undefined ? {} : { status }),
    ...(step === undefined ? {} : { step }),
    ...(reason === undefined ? {} : { reason }),
    ...renamed(options, { customer: "customerId", product: "productId" }),
    ...rangeOf(options),
  };
  const answer = await shop.bulkSagas({ action, ...meant(call, filter), ...howOf(call) });
  yield* carriedOut(answer, (id) => shop.getSagaBulk(id));
}

/** The same done to many at once: counted first, at a rate, with its progress, and stoppable. */
export const bulkCommands: readonly Command[] = [
  {
    name: "retry-all",
    options: { ...SAGA_FILTERS, ...HOW },
    summary: "Retries the current step of all sagas that a filter finds, or of a list; counts them first.",
    example: "retry-all --status STUCK --yes",
    streams: true,
    run: (shop, call) => onSagas(shop, call, "RETRY"),
  },
  {
    name: "cancel-all",
    options: { ...SAGA_FILTERS, ...HOW },
    summary: "Compensates all sagas that a filter finds, or a list; counts them first.",
    example: "cancel-all --step WAIT_FOR_RIDER --to 3d",
    streams: true,
    run: (shop, call) => onSagas(shop, call, "CANCEL"),
  },
  {
    name: "release-all",
    options: {
      "--customer <customer>": "of this customer's orders",
      "--rider <rider>": "that this rider has claimed",
      ...RANGE,
      ...HOW,
    },
    summary: "Releases the claims of all deliveries that a filter finds, or of a list; counts them first.",
    example: "release-all --to 12h --yes",
    streams: true,
    async *run(shop, call) {
      const filter = {
        ...renamed(call.options, { customer: "customerId", rider: "riderId" }),
        ...rangeOf(call.options),
      };
      const answer = await shop.bulkDeliveries({ action: "RELEASE", ...meant(call, filter), ...howOf(call) });
      yield* carriedOut(answer, (id) => shop.getDeliveryBulk(id));
    },
  },
  {
    name: "replay-many",
    options: {
      ...DEAD_LETTER_FILTERS,
      ...RANGE,
      ...HOW,
    },
    summary:
      "Replays all dead letters that a filter finds, or a list, at a rate; counts them first. It goes on by itself.",
    example: "replay-many --cause HANDLER_FAILED --yes",
    streams: true,
    async *run(shop, call) {
      const filter = { ...deadLetterFilter(call.options), ...rangeOf(call.options) };
      const answer = await shop.bulkDeadLetters({ action: "REPLAY", ...meant(call, filter), ...howOf(call) });
      const { operations, unavailable } = answer;
      if (operations.length === 0)
        yield* carriedOut({ ...answer, operation: null }, (id) => shop.getDeadLetterBulk(id));
      for (const operation of operations)
        yield* carriedOut({ ...answer, operation }, (id) => shop.getDeadLetterBulk(id));
      if (unavailable.length > 0) throw new IncompleteError(`No answer from ${unavailable.join(", ")}.`);
    },
  },
  {
    name: "bulk",
    options: LIMIT,
    summary: "The newest bulk operations on sagas, on deliveries and on dead letters, and how far they are.",
    example: "bulk",
    async *run(shop, { options }) {
      for await (const one of everyItem(options, (page) => shop.listSagaBulks(page))) yield operationRow(one);
      for await (const one of everyItem(options, (page) => shop.listDeliveryBulks(page))) yield operationRow(one);
      for await (const one of everyItem(options, (page) => shop.listDeadLetterBulks(page))) yield operationRow(one);
    },
  },
  {
    name: "bulk-stop",
    words: ["<operation>"],
    options: {
      "--deliveries": "an operation on deliveries; else one on sagas",
      "--dead-letters": "an operation on dead letters; else one on sagas",
    },
    summary: "Stops a bulk operation. What it has done stays.",
    example: "bulk-stop 0193b3c8-0000-7000-8000-000000000004",
    async *run(shop, call) {
      const id = idOf(call, "operation");
      const stop = call.flags.has("deliveries")
        ? shop.stopDeliveryBulk
        : call.flags.has("dead-letters")
          ? shop.stopDeadLetterBulk
          : shop.stopSagaBulk;
      yield operationRow(await stop(id));
    },
  },
];
