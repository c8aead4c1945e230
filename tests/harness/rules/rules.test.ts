import { describe, expect, test } from "bun:test";
import type { Entry } from "../load/journal.ts";
import type { LedgerRow } from "../stage/ledger.ts";
import { type DeadLetter, type Evidence, type OutboxRow, placeOf } from "./evidence.ts";
import { type Breach, judge } from "./rules.ts";

const ID = "0190a0a0-0000-7000-8000-000000000001";
const TEA = "0190a0a0-0000-7000-8000-00000000000a";
const RIDER = "0190a0a0-0000-7000-8000-00000000000d";
const OTHER_RIDER = "0190a0a0-0000-7000-8000-00000000000e";
const items = [{ productId: TEA, quantity: 2 }];
const ADDRESS = "1 Sejong-daero";
const PRODUCT = { id: TEA, name: "Tea", price: 500, version: 1 };
const BOUGHT = [{ productId: TEA, name: "Tea", unitPrice: 500, quantity: 2 }];
const PLACED = { id: ID, items: BOUGHT, total: 1_000, address: ADDRESS, reason: null };
const SHOWN = { items: BOUGHT, total: 1_000, deliveryAddress: ADDRESS };

let seq = 0;
const row = (txid: string, what: LedgerRow["what"], after: string | null, before: string | null = null, key = ID) => {
  seq += 1;
  return { seq, txid, what, key, before, after } satisfies LedgerRow;
};
const sent = (service: OutboxRow["service"], id: number, topic: string, type: string): OutboxRow => ({
  ...{ service, id, topic, key: ID, type, messageId: `${type}-${id}`, sent: true },
});
const asked = (method: string, call: string, status: number, more: Partial<Entry> = {}): Entry => ({
  ...{ at: seq++, ms: 1, who: "customer", method, call, status, orderId: ID },
  ...more,
});

/** What others have told of the order: the order service and the orchestrator hear it. */
const NEWS = ["ProductDecreased-1", "DeliveryCreated-1", "DeliveryCompleted-2"];

/** How the saga comes from step to step: what it hears, where it was and is, what it sends. */
const STEPS: readonly {
  readonly txid: string;
  readonly hears?: string;
  readonly before: string | null;
  readonly step: string;
  readonly sends?: string;
}[] = [
  { txid: "1", before: null, step: "DECREASE_PRODUCT RUNNING", sends: "DecreaseProductCommand" },
  {
    ...{ txid: "news 0", hears: "ProductDecreased-1", before: "DECREASE_PRODUCT RUNNING" },
    ...{ step: "CREATE_DELIVERY RUNNING", sends: "CreateDeliveryCommand" },
  },
  {
    ...{ txid: "news 1", hears: "DeliveryCreated-1" },
    ...{ before: "CREATE_DELIVERY RUNNING", step: "WAIT_FOR_RIDER RUNNING" },
  },
  {
    ...{ txid: "news 2", hears: "DeliveryCompleted-2", before: "WAIT_FOR_RIDER RUNNING" },
    ...{ step: "COMPLETE_ORDER RUNNING", sends: "CompleteOrderCommand" },
  },
];

/** One order that was placed, delivered and completed, as all of it is found when nothing went wrong. */
function good() {
  const outbox = [
    sent("order", 1, "order.events", "OrderCreated"),
    sent("order", 2, "order.events", "OrderCompleted"),
    sent("delivery", 1, "delivery.events", "DeliveryCreated"),
    sent("delivery", 2, "delivery.events", "DeliveryCompleted"),
    sent("product", 1, "product.events", "ProductDecreased"),
  ];
  return {
    accounts: {
      orders: [{ ...PLACED, status: "COMPLETE" }],
      reservations: [{ order_id: ID, status: "TAKEN", refusal: null, items }],
      products: [{ ...PRODUCT, stock: 8, broughtIn: 10 }],
      deliveries: [{ order_id: ID, status: "COMPLETE", rider_id: RIDER, address: ADDRESS }],
      sagas: [{ order_id: ID, status: "COMPLETE", step: "COMPLETE_ORDER", stuck: false }],
      created: [{ key: ID, n: 1 }],
      unsent: 0,
      deadLetters: [],
    },
    ledgers: new Map([
      [
        "order",
        [
          ...[row("1", "orders", "PENDING"), row("1", "write", null), row("1", "outbox", "OrderCreated")],
          ...NEWS.map((id, index) => row(`news ${index}`, "inbox", null, null, id)),
          ...[row("2", "orders", "COMPLETE", "PENDING"), row("2", "write", null), row("2", "outbox", "OrderCompleted")],
        ],
      ],
      ["product", [row("1", "reservation", "TAKEN"), row("1", "write", null), row("1", "outbox", "ProductDecreased")]],
      [
        "delivery",
        [
          ...[row("1", "delivery", "PENDING"), row("1", "write", null), row("1", "outbox", "DeliveryCreated")],
          row("2", "delivery", "COMPLETE", "PENDING"),
          ...[row("2", "write", null), row("2", "outbox", "DeliveryCompleted")],
        ],
      ],
      [
        "orchestrator",
        [
          ...[row("1", "inbox", null, null, "OrderCreated-1"), row("1", "saga", "RUNNING")],
          ...STEPS.flatMap(({ txid, hears, step, before, sends }) => [
            ...(hears === undefined ? [] : [row(txid, "inbox", null, null, hears)]),
            row(txid, "write", step, before),
            ...(sends === undefined ? [] : [row(txid, "outbox", sends)]),
          ]),
          ...[row("2", "inbox", null, null, "OrderCompleted-2"), row("2", "saga", "COMPLETE", "RUNNING")],
          row("2", "write", "COMPLETE_ORDER COMPLETE", "COMPLETE_ORDER RUNNING"),
        ],
      ],
    ]),
    outbox,
    records: outbox.map(({ topic, messageId, type, id }) => ({
      ...{ topic, partition: 0, offset: String(id), key: ID, messageId, type },
    })),
    deadLetters: [] as DeadLetter[],
    orderOfKey: new Map([["k", ID]]),
    journal: [
      asked("POST", "/api/products", 201, { product: PRODUCT, stock: 7 }),
      asked("POST", "/api/products/{id}/stock", 200, { about: TEA, delta: 3 }),
      asked("POST", "/api/orders", 201, {
        ...{ key: "k", said: "PENDING", order: SHOWN },
        asked: { items, deliveryAddress: ADDRESS },
      }),
      asked("PUT", "/api/deliveries/{id}/complete", 200, { said: "COMPLETE", riderId: RIDER }),
      asked("GET", "/api/orders/{id}", 200, { said: "COMPLETE" }),
    ],
    injected: new Set<string>(),
    broughtForward: new Set<string>(),
    drainedAfterMs: 500,
    drainWithinMs: 30_000,
  } satisfies Evidence as Evidence & { ledgers: Map<string, LedgerRow[]>; journal: Entry[] };
}

/** Records of the order, one behind the other, whose ids are their types. */
const inTopic = (topic: string, types: readonly string[]) =>
  types.map((type, index) => ({ topic, partition: 0, offset: String(50 + index), key: ID, messageId: type, type }));

test("messages that share a transaction and are applied in their order break no rule", () => {
  const evidence = good();
  rows(evidence, "delivery").push(
    ...["CreateDeliveryCommand", "CancelDeliveryCommand"].map((type) => row("7", "inbox", null, null, type)),
    ...["DeliveryCreated", "DeliveryCompleted", "DeliveryCancelled"].map((type) => row("7", "outbox", type)),
  );
  const records = [
    ...evidence.records,
    ...inTopic("delivery.commands", ["CreateDeliveryCommand", "CancelDeliveryCommand"]),
  ];
  expect(judge({ ...evidence, records }, ["I5"])).toEqual([]);
});

type Doctored = ReturnType<typeof good>;
const rows = (evidence: Doctored, service: string) => evidence.ledgers.get(service) ?? [];
const without = (evidence: Doctored, service: string, type: string) =>
  evidence.ledgers.set(
    service,
    rows(evidence, service).filter(({ after }) => after !== type),
  );

test("a run in which nothing went wrong breaks no rule", () => {
  expect(judge(good())).toEqual([]);
});

test("what is published while everything stops, and read by nobody, breaks no rule", () => {
  const evidence = good();
  const late = { ...(evidence.records[0] ?? expect.unreachable()), offset: "99", messageId: "asked again" };
  const records = [...evidence.records, late];
  const tooLate = new Set([placeOf(late)]);
  const unhandled = (breaches: readonly Breach[]) => breaches.filter(({ text }) => text.includes("has not handled"));
  expect(unhandled(judge({ ...evidence, records }))).toHaveLength(1);
  expect(unhandled(judge({ ...evidence, records, tooLate }))).toEqual([]);
});

test("an order that ended before the ledger was begun breaks no rule, though its messages lie in the topics", () => {
  const evidence = good();
  const at = { topic: "order.events", partition: 0, offset: "0" };
  const records = [{ ...at, key: TEA, messageId: "OrderCreated-0", type: "OrderCreated" }, ...evidence.records];
  expect(judge({ ...evidence, records })).toEqual([]);
});

test("an unreadable record that pretends to be an OrderCreated is only asked of those who read its topic", () => {
  const evidence = good();
  const at = { topic: "order.commands", partition: 0, offset: "99" };
  const injected = new Set(["order.commands:0:99"]);
  const records = [...evidence.records, { ...at, key: TEA, messageId: "poison", type: "OrderCreated" }];
  const deadLetter = { ...at, service: "order", cause: "UNKNOWN_VERSION", detail: "", key: TEA } as const;
  expect(judge({ ...evidence, injected, records, deadLetters: [deadLetter] })).toEqual([]);
});

describe("each rule is found broken when the evidence is doctored:", () => {
  const cases: readonly (readonly [
    rule: string,
    what: string,
    doctor: (evidence: Doctored) => Partial<Evidence> | void,
  ])[] = [
    [
      "I4",
      "a saga goes back after it has heard that the delivery is complete",
      (evidence) => {
        const back = [row("5", "history", "DeliveryCompleted"), row("6", "saga", "COMPENSATING", "RUNNING")];
        evidence.ledgers.set("orchestrator", [...rows(evidence, "orchestrator"), ...back]);
      },
    ],
    [
      "I4",
      "an order is written after it has ended",
      (evidence) => {
        evidence.ledgers.set("order", [...rows(evidence, "order"), row("9", "write", null)]);
      },
    ],
    [
      "I5",
      "an older state of a product replaces a newer one",
      (evidence) => {
        evidence.ledgers.set("order", [...rows(evidence, "order"), row("9", "catalogue", "1", "2", TEA)]);
      },
    ],
    [
      "I1",
      "stock that nobody holds is gone",
      ({ accounts }) => ({
        accounts: { ...accounts, products: [{ ...PRODUCT, stock: 7, broughtIn: 10 }] },
      }),
    ],
    [
      "I2",
      "an order that was answered with 201 does not exist",
      (evidence) => {
        evidence.journal.push(asked("POST", "/api/orders", 201, { orderId: TEA, key: "other" }));
      },
    ],
    ...[
      "OUT_OF_STOCK",
      "PRODUCT_NOT_FOUND",
      "CANCELLED_BY_CUSTOMER",
      "CANCELLED_BY_ADMIN",
      "DELIVERY_FAILED",
      "TIMED_OUT",
    ].map(
      (reason) =>
        [
          "I2",
          `an order is cancelled as ${reason} without cause`,
          ({ accounts }: Doctored) => ({
            accounts: { ...accounts, orders: [{ ...PLACED, status: "CANCELLED" as const, reason }] },
          }),
        ] as const,
    ),
    [
      "I2",
      "an order hangs in the middle",
      ({ accounts }) => ({
        accounts: { ...accounts, sagas: [{ order_id: ID, status: "RUNNING", step: "TAKE_STOCK", stuck: false }] },
      }),
    ],
    ["I3", "stock is taken twice", (evidence) => void rows(evidence, "product").push(row("9", "reservation", "TAKEN"))],
    [
      "I3",
      "a second delivery is stored",
      (evidence) => void rows(evidence, "delivery").push(row("9", "delivery", "PENDING")),
    ],
    [
      "I3",
      "a command is answered twice",
      (evidence) => void rows(evidence, "product").push(row("9", "outbox", "ProductDecreased")),
    ],
    ["I3", "an order is stored without its key", () => ({ orderOfKey: new Map() })],
    [
      "I4",
      "an order goes on after its end",
      (evidence) => void rows(evidence, "order").push(row("9", "orders", "CANCELLED", "COMPLETE")),
    ],
    [
      "I4",
      "a customer sees an ended order as pending",
      (evidence) => {
        evidence.journal.push(asked("GET", "/api/orders/{id}", 200, { said: "PENDING" }));
      },
    ],
    [
      "I5",
      "a later message is published first",
      ({ records }) => ({
        records: records.map((record) => ({ ...record, offset: String(9 - Number(record.offset)) })),
      }),
    ],
    [
      "I5",
      "a later message is applied first",
      (evidence) =>
        void evidence.ledgers.set("orchestrator", [
          row("2", "inbox", null, null, "OrderCompleted-2"),
          row("3", "inbox", null, null, "OrderCreated-1"),
        ]),
    ],
    ["I6", "an order without its message", (evidence) => void without(evidence, "order", "OrderCreated")],
    [
      "I6",
      "a message in another transaction than its order",
      (evidence) => {
        without(evidence, "order", "OrderCreated");
        rows(evidence, "order").push(row("7", "outbox", "OrderCreated"));
      },
    ],
    [
      "I6",
      "a command in another transaction than the step of its saga",
      (evidence) => {
        without(evidence, "orchestrator", "CreateDeliveryCommand");
        rows(evidence, "orchestrator").push(row("7", "outbox", "CreateDeliveryCommand"));
      },
    ],
    [
      "I6",
      "a saga that came to a step without its command",
      (evidence) => void without(evidence, "orchestrator", "CreateDeliveryCommand"),
    ],
    [
      "I6",
      "a request to cancel that nobody was told of",
      (evidence) => void rows(evidence, "order").push(row("7", "write", "CANCEL_REQUESTED")),
    ],
    [
      "I6",
      "a request to cancel in another transaction than its order",
      (evidence) =>
        void rows(evidence, "order").push(
          ...[row("7", "write", "CANCEL_REQUESTED"), row("8", "outbox", "OrderCancelRequested")],
        ),
    ],
    [
      "I6",
      "a product that was changed, and nobody was told of it",
      (evidence) => void rows(evidence, "product").push(row("7", "write", "2", "1", TEA)),
    ],
    [
      "I6",
      "an answer in a transaction that handled no command about it",
      (evidence) =>
        void rows(evidence, "product").push(
          ...[row("7", "inbox", null, null, "OrderCreated of another"), row("8", "outbox", "ProductDecreased")],
        ),
    ],
    [
      "I6",
      "an answer that tells of what is not so",
      (evidence) =>
        void rows(evidence, "product").push(...[row("7", "write", null), row("7", "outbox", "ProductIncreased")]),
    ],
    [
      "I4",
      "stock that was taken is refused by another transaction",
      (evidence) => void rows(evidence, "product").push(row("7", "reservation", "REFUSED", "TAKEN")),
    ],
    [
      "I5",
      "commands that share a transaction are applied in another order",
      (evidence) => {
        const commands = ["DecreaseProductCommand", "IncreaseProductCommand"];
        rows(evidence, "product").push(
          ...commands.map((type) => row("7", "inbox", null, null, type)),
          ...["ProductIncreased", "ProductDecreased"].map((type) => row("7", "outbox", type)),
        );
        return { records: [...evidence.records, ...inTopic("product.commands", commands)] };
      },
    ],
    [
      "I5",
      "events that share a transaction are applied to their saga in another order",
      (evidence) => {
        const events = ["DeliveryCreated", "DeliveryFailed"];
        rows(evidence, "orchestrator").push(
          ...events.map((type) => row("7", "inbox", null, null, type)),
          ...events.toReversed().map((type) => row("7", "history", type)),
        );
        return { records: [...evidence.records, ...inTopic("delivery.events", events)] };
      },
    ],
    [
      "I6",
      "a message about a delivery that was not completed",
      (evidence) => void without(evidence, "delivery", "COMPLETE"),
    ],
    ["I7", "messages are unsent 31 s after the heal", () => ({ drainedAfterMs: 31_000 })],
    ["I7", "messages are never sent", () => ({ drainedAfterMs: undefined })],
    [
      "I7",
      "a message was published and not handled",
      (evidence) => {
        const kept = rows(evidence, "orchestrator").filter(({ key }) => key !== "OrderCompleted-2");
        evidence.ledgers.set("orchestrator", kept);
      },
    ],
    ["I7", "a message is marked as sent and is not in Kafka", () => ({ records: [] })],
    [
      "I7",
      "a dead letter that nobody injected",
      () => ({
        deadLetters: [
          {
            service: "order",
            cause: "REFUSED",
            detail: "",
            key: ID,
            topic: "order.commands",
            partition: 0,
            offset: "7",
          },
        ],
      }),
    ],
    ["I7", "a injected record that nobody set aside", () => ({ injected: new Set(["order.commands:0:7"]) })],
    ...(
      [
        ["a call is answered with what it may not be", "GET", "/api/orders/{id}", 404, {}],
        ["a call is answered with a fault of the system", "PUT", "/api/deliveries/{id}/claim", 500, {}],
        [
          "an order has another total than was shown",
          "GET",
          "/api/orders/{id}",
          200,
          { order: { ...SHOWN, total: 9 } },
        ],
        [
          "an order has other items than were asked for",
          ...(["POST", "/api/orders", 201] as const),
          { key: "k", asked: { items: [{ productId: TEA, quantity: 3 }], deliveryAddress: ADDRESS } },
        ],
        [
          "an order goes elsewhere than was asked for",
          ...(["POST", "/api/orders", 201] as const),
          { key: "k", asked: { items, deliveryAddress: "elsewhere" } },
        ],
        [
          "a change of a product is gone",
          ...(["PATCH", "/api/products/{id}", 200] as const),
          { product: { ...PRODUCT, version: 2 } },
        ],
        [
          "a product has another price than its version was answered with",
          ...(["PATCH", "/api/products/{id}", 200] as const),
          { product: { ...PRODUCT, price: 600 } },
        ],
        [
          "stock that was brought in is gone",
          ...(["POST", "/api/products/{id}/stock", 200] as const),
          { about: TEA, delta: 5 },
        ],
      ] as const
    ).map(
      ([what, method, call, status, more]) =>
        ["I8", what, (evidence: Doctored) => void evidence.journal.push(asked(method, call, status, more))] as const,
    ),
    [
      "I8",
      "a customer is shown the order of another",
      (evidence) => {
        for (const ownerId of ["me", "another"])
          evidence.journal.push(asked("GET", "/api/orders", 200, { ownerIds: [ownerId] }));
      },
    ],
    [
      "I8",
      "a stranger is shown an order",
      (evidence) => void evidence.journal.push(asked("GET", "/api/orders/{id}", 200, { expects: [404] })),
    ],
    [
      "I8",
      "a delivery goes elsewhere than its order",
      ({ accounts }) => ({
        accounts: {
          ...accounts,
          deliveries: accounts.deliveries.map((delivery) => ({ ...delivery, address: "elsewhere" })),
        },
      }),
    ],
    [
      "I8",
      "a delivery that was claimed has gone to nobody",
      (evidence) => {
        evidence.journal.splice(0, Infinity, asked("PUT", "/api/deliveries/{id}/claim", 200, { riderId: OTHER_RIDER }));
      },
    ],
    [
      "I8",
      "a completed delivery is not completed any more",
      ({ accounts }) => ({
        accounts: {
          ...accounts,
          deliveries: [{ order_id: ID, status: "CANCELLED", rider_id: null, address: ADDRESS }],
        },
      }),
    ],
    [
      "I8",
      "a delivery was completed by two riders",
      (evidence) => {
        evidence.journal.push(asked("PUT", "/api/deliveries/{id}/complete", 200, { riderId: OTHER_RIDER }));
      },
    ],
    [
      "I8",
      "a delivery was given to another rider than the one who completed it",
      (evidence) => {
        evidence.journal.push(asked("PUT", "/api/deliveries/{id}/claim", 200, { riderId: OTHER_RIDER }));
      },
    ],
    [
      "I8",
      "a key is answered with two orders",
      (evidence) => {
        evidence.journal.push(asked("POST", "/api/orders", 201, { orderId: TEA, key: "k" }));
      },
    ],
    [
      "I8",
      "a cancel that was taken has led to nothing",
      (evidence) => {
        evidence.journal.push(asked("POST", "/api/orders/{id}/cancel", 202));
        return { accounts: { ...evidence.accounts, orders: [{ ...PLACED, status: "PENDING" }] } };
      },
    ],
  ];
  test.each(cases)("%s, %s", (rule, _what, doctor) => {
    const evidence = good();
    const breaches = judge({ ...evidence, ...doctor(evidence) });
    expect(breaches.map((breach) => breach.rule)).toContain(rule as "I1");
  });
});
