import { describe, expect, test } from "bun:test";
import { participants } from "@shop/contracts/services";
import { OrderExplanation, type OrderPart, type SagaFacts, Verdict } from "@shop/contracts/http/why";
import { explainOrder, isKnown } from "./explain-order.ts";

const ORDER = "01939e6a-7c00-7000-8000-000000000001";
const SAGA = "01939e6a-7c00-7000-8000-000000000002";
const DELIVERY = "01939e6a-7c00-7000-8000-000000000003";
const LETTER = "01939e6a-7c00-7000-8000-000000000004";
const at = (second: number) => new Date(Date.UTC(2026, 10, 23, 4, 0, second)).toISOString();

type Answered = Extract<OrderPart, { status: "ANSWERED" }>;
type Name = OrderPart["service"];

const part = (service: Name, facts: Partial<Answered> = {}): Answered => ({
  ...{ service, status: "ANSWERED", problems: [], unsent: 0, oldestUnsentSeconds: 0, lag: 0, deadLetters: [] },
  ...facts,
});
const down = (service: Name): OrderPart => ({ service, status: "DOWN", detail: `${service} broke off` });
const order = (facts: Partial<NonNullable<Answered["order"]>> = {}): Pick<Answered, "order"> => ({
  order: {
    ...{ status: "PENDING", progress: "CREATED", cancelReason: null, createdAt: at(0), cancelRequestedAt: null },
    ...{ republishAt: at(30), milestones: [] },
    ...facts,
  },
});
const saga = (facts: Partial<SagaFacts> = {}): Pick<Answered, "saga"> => ({
  saga: {
    ...{ id: SAGA, status: "RUNNING", step: "DECREASE_PRODUCT", version: 1, reason: null, attempts: 1 },
    ...{ enteredAt: at(1), awaits: { service: "product", command: "DecreaseProductCommand" }, lastSentAt: at(1) },
    ...{
      nextAttemptAt: at(6),
      deadline: at(601),
      stuckSince: null,
      isKnownVersion: true,
      traceId: null,
      isSampled: false,
      history: [],
    },
    ...facts,
  },
});
const rider = { step: "WAIT_FOR_RIDER", awaits: { service: "delivery", command: "CreateDeliveryCommand" } } as const;
const late = { attempts: 3, nextAttemptAt: at(36) };
const delivery = (riderId: string | null) => ({
  delivery: { id: DELIVERY, status: "PENDING" as const, riderId, failReason: null, createdAt: at(2) },
});
const deadLetter = (facts: Partial<Answered["deadLetters"][number]> = {}) => ({
  deadLetters: [
    {
      id: LETTER,
      cause: "HANDLER_FAILED" as const,
      type: "DecreaseProductCommand",
      detail: "no table",
      failedAt: at(2),
      ...facts,
    },
  ],
});

/** All four, with what is given of some. */
const parts = (...given: readonly OrderPart[]): readonly OrderPart[] =>
  participants.map((name) => given.find(({ service }) => service === name) ?? part(name));

const cases: readonly (readonly [
  name: string,
  parts: readonly OrderPart[],
  verdict: Verdict,
  service: Name | null,
  actions: readonly string[],
])[] = [
  ["has been delivered", parts(part("order", order({ status: "COMPLETE" }))), "COMPLETE", null, []],
  [
    "has been cancelled",
    parts(part("order", order({ status: "CANCELLED", cancelReason: "OUT_OF_STOCK" })), part("product", deadLetter())),
    ...(["CANCELLED", null, []] as const),
  ],
  ["was placed just now", parts(part("order", order())), "NOT_STARTED", "orchestrator", []],
  [
    "was placed while the orchestrator is down",
    parts(part("order", order()), down("orchestrator")),
    ...(["SERVICE_DOWN", "orchestrator", ["OPERATOR START_SERVICE orchestrator"]] as const),
  ],
  [
    "was placed while Kafka is away",
    parts(part("order", { ...order(), unsent: 3, oldestUnsentSeconds: 20 })),
    ...(["SERVICE_BEHIND", "order", ["OPERATOR LOOK_AT_SERVICE order"]] as const),
  ],
  [
    "is being worked on",
    parts(part("order", order()), part("orchestrator", saga())),
    ...(["IN_PROGRESS", "product", [`OPERATOR CANCEL_SAGA ${SAGA}`]] as const),
  ],
  [
    "waits for a service that is down, of which the saga has heard",
    parts(part("order", order()), part("orchestrator", saga(late)), down("product")),
    ...(["SERVICE_DOWN", "product", ["OPERATOR START_SERVICE product", `OPERATOR CANCEL_SAGA ${SAGA}`]] as const),
  ],
  [
    "waits for a service whose consumer is not in its group",
    parts(
      part("orchestrator", saga(late)),
      part("product", { problems: ["kafka: not a member of the consumer group"] }),
    ),
    ...(["SERVICE_IMPAIRED", "product", ["OPERATOR LOOK_AT_SERVICE product", `OPERATOR CANCEL_SAGA ${SAGA}`]] as const),
  ],
  [
    "waits for a service that is behind",
    parts(part("orchestrator", saga(late)), part("product", { lag: 7 })),
    ...(["SERVICE_BEHIND", "product", ["OPERATOR LOOK_AT_SERVICE product", `OPERATOR CANCEL_SAGA ${SAGA}`]] as const),
  ],
  [
    "waits for a service that runs and does not answer",
    parts(part("orchestrator", saga(late))),
    ...(["NO_ANSWER", "product", [`OPERATOR RETRY_SAGA ${SAGA}`, `OPERATOR CANCEL_SAGA ${SAGA}`]] as const),
  ],
  [
    "has a command that its service could not handle",
    parts(part("orchestrator", saga(late)), part("product", deadLetter())),
    ...(["DEAD_LETTER", "product", [`OPERATOR REPLAY_DEAD_LETTER ${LETTER}`, `OPERATOR CANCEL_SAGA ${SAGA}`]] as const),
  ],
  [
    "has an answer that the orchestrator could not handle, and later ones behind it",
    parts(
      part("orchestrator", {
        ...saga(late),
        deadLetters: [
          ...deadLetter({ type: "ProductDecreased" }).deadLetters,
          ...deadLetter({ id: SAGA, cause: "PARKED", failedAt: at(1) }).deadLetters,
        ],
      }),
    ),
    ...([
      "DEAD_LETTER",
      "orchestrator",
      [`OPERATOR REPLAY_DEAD_LETTER ${LETTER}`, `OPERATOR CANCEL_SAGA ${SAGA}`],
    ] as const),
  ],
  [
    "waits for any rider",
    parts(part("orchestrator", saga({ ...rider, attempts: 0 })), part("delivery", delivery(null))),
    ...(["WAITS_FOR_RIDER", null] as const),
    [`RIDER CLAIM_DELIVERY ${DELIVERY}`, `CUSTOMER CANCEL_ORDER ${ORDER}`, `OPERATOR CANCEL_SAGA ${SAGA}`],
  ],
  [
    "waits for its rider, reminders or not",
    parts(part("orchestrator", saga({ ...rider, attempts: 4 })), part("delivery", delivery(ORDER))),
    ...(["WITH_RIDER", null] as const),
    [`RIDER COMPLETE_DELIVERY ${DELIVERY}`, `OPERATOR RELEASE_CLAIM ${DELIVERY}`, `OPERATOR CANCEL_SAGA ${SAGA}`],
  ],
  [
    "is stuck behind the pivot: it cannot be cancelled",
    parts(
      part("orchestrator", {
        ...saga({
          ...{ ...late, status: "STUCK", stuckSince: at(700), step: "COMPLETE_ORDER" },
          awaits: { service: "order", command: "CompleteOrderCommand" },
        }),
      }),
    ),
    ...(["NO_ANSWER", "order", [`OPERATOR RETRY_SAGA ${SAGA}`]] as const),
  ],
  [
    "is stuck since its row is at fault",
    parts(
      part("orchestrator", {
        ...saga({
          ...{ status: "STUCK", stuckSince: at(9) },
          history: [
            {
              ...{ at: at(9), lastAt: at(9), times: 1, step: "DECREASE_PRODUCT", message: null },
              detail: "stuck: it cannot go on: no items",
            },
          ],
        }),
      }),
      down("product"),
    ),
    ...([
      "SAGA_CANNOT_GO_ON",
      "orchestrator",
      [`OPERATOR REPAIR_SAGA ${SAGA}`, `OPERATOR RETRY_SAGA ${SAGA}`],
    ] as const),
  ],
];

describe("an order that", () => {
  test.each(cases)(
    "%s is explained by the service at fault and by who can act",
    (_name, given, verdict, service, actions) => {
      const explained = OrderExplanation.parse(explainOrder(ORDER, given, at(40)));
      const shown = explained.actions.map(({ who, action, target }) => `${who} ${action} ${target}`);
      expect([explained.verdict, explained.service, shown]).toEqual([verdict, service, [...actions]]);
      for (const sentence of Object.values(explained.text)) expect(sentence).toMatch(/^[A-Z].*\.$/);
      if (service !== null && verdict !== "SAGA_CANNOT_GO_ON") expect(explained.text.waitsFor).toContain(service);
    },
  );

  test("waits for a product service that is down is explained in sentences with times and commands", () => {
    const given = parts(part("order", order()), part("orchestrator", saga(late)), down("product"));
    expect(explainOrder(ORDER, given, at(40)).text).toEqual({
      happened:
        "The order was placed at 2026-11-23 04:00:00 UTC. Its saga came to DECREASE_PRODUCT at 2026-11-23 04:00:01 UTC.",
      waitsFor:
        "It waits for product to answer DecreaseProductCommand since 2026-11-23 04:00:01 UTC (39 s), sent 3 times. product does not answer: product broke off.",
      next: "At 2026-11-23 04:00:36 UTC DecreaseProductCommand is sent again (attempt 4). Past 2026-11-23 04:10:01 UTC the order is compensated: TIMED_OUT.",
      who: `An operator can start product. An operator can compensate it: \`bun run shop cancel-saga ${SAGA}\`.`,
    });
  });
});

test("every verdict is reached by one of these orders", () => {
  expect(new Set(cases.map(([, , verdict]) => verdict))).toEqual(new Set(Verdict.options));
});

test("an order is known by any service that keeps something of it, and by no dead letter alone", () => {
  expect(isKnown(parts(part("product", deadLetter()), down("order")))).toBeFalsy();
  expect(isKnown(parts(part("product", { stock: { status: "TAKEN", refusal: null } })))).toBeTruthy();
});
