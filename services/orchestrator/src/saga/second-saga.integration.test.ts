import { afterAll, beforeAll, expect, test } from "bun:test";
import { type DataOf, defineMessage, type MessageDefinition } from "@shop/contracts/messages/define";
import { inTransaction } from "@shop/database/transaction";
import { outgoing } from "@shop/messaging/outbox/outgoing";
import { uuidV7 } from "@shop/runtime/ids";
import {
  participantUnderTest,
  type ParticipantUnderTest,
  recordOf,
} from "@shop/service/testing/participant-under-test";
import { createTestDatabase, type TestDatabase } from "@shop/testing/database";
import { eventually } from "@shop/testing/eventually";
import { sql } from "drizzle-orm";
import { z } from "zod";
import { orchestratorService } from "../service.ts";
import {
  cancelled,
  cancelRequest,
  command,
  commandWithReason,
  defineSaga,
  refused,
  type RetryPolicy,
  succeeded,
  when,
} from "./definition.ts";
import { runSagaTimers, sagaHandlers } from "./run.ts";
import { sagaVersions } from "./versions.ts";

/** What is given back of a price: nothing of an order's saga but the engine is in it. */
const Refund = z.object({ refundId: z.uuid(), amount: z.int() });
type Refund = z.infer<typeof Refund>;
type RefundReason = "NO_FUNDS" | "WITHDRAWN";

const about = z.object({ refundId: z.uuid() });
const message = <const Type extends string, Data extends z.ZodType>(type: Type, data: Data) =>
  defineMessage({
    type,
    data,
    topic: "product.commands",
    sender: "orchestrator",
    receivers: ["product"],
    summary: type,
  });
const RefundRequested = message("RefundRequested", Refund);
const RefundWithdrawn = message("RefundWithdrawn", Refund);
const HoldMoneyCommand = message("HoldMoneyCommand", Refund);
const MoneyHeld = message("MoneyHeld", z.object({ refundId: z.uuid(), isEnough: z.boolean() }));
const ReleaseMoneyCommand = message("ReleaseMoneyCommand", about);
const MoneyReleased = message("MoneyReleased", about);
const AskBankCommand = message("AskBankCommand", about);
const BankAgreed = message("BankAgreed", about);
const PayCommand = message("PayCommand", Refund);
const Paid = message("Paid", about);
const RejectCommand = message("RejectCommand", z.object({ refundId: z.uuid(), because: z.string() }));
const Rejected = message("Rejected", about);

const retryPolicy: RetryPolicy = { firstMs: 1_000, maxMs: 2_000, deadlineMs: 60_000 };

const refundSaga = defineSaga<Refund, RefundReason>({
  ...{ name: "refund", version: 1, keyField: "refundId", reasons: ["NO_FUNDS", "WITHDRAWN", "TIMED_OUT"] },
  remedy: (refundId) => `ask the bank about ${refundId}`,
  begins: RefundRequested,
  cancels: cancelRequest(RefundWithdrawn, () => "WITHDRAWN"),
  compensatable: [
    {
      ...{ name: "HOLD_MONEY", waitsFor: "money", milestone: "HELD", refusedMilestone: "TOO_POOR", retryPolicy },
      send: command(HoldMoneyCommand, (refund) => refund),
      replies: [when(MoneyHeld, ({ isEnough }) => (isEnough ? succeeded() : refused("NO_FUNDS")))],
      compensation: {
        ...{ name: "RELEASE_MONEY", milestone: "RELEASED", retryPolicy },
        send: command(ReleaseMoneyCommand, ({ refundId }) => ({ refundId })),
        replies: [when(MoneyReleased, succeeded)],
      },
    },
  ],
  pivot: {
    ...{ name: "WAIT_FOR_BANK", waitsFor: "the bank", milestone: "AGREED", retryPolicy },
    passed: "The bank has agreed",
    remind: command(AskBankCommand, ({ refundId }) => ({ refundId })),
    replies: [when(BankAgreed, succeeded)],
  },
  retriable: [
    {
      ...{ name: "PAY", waitsFor: "the money to arrive", milestone: "COMPLETE", retryPolicy },
      send: command(PayCommand, (refund) => refund),
      replies: [when(Paid, succeeded)],
    },
  ],
  cancelled: {
    ...{ name: "REJECT", waitsFor: "the rejection", milestone: "CANCELLED", retryPolicy },
    send: commandWithReason(RejectCommand, ({ refundId }, because) => ({ refundId, because })),
    replies: [when(Rejected, () => cancelled("WITHDRAWN"))],
  },
});
const versions = sagaVersions([refundSaga]);

let database: TestDatabase;
let service: ParticipantUnderTest;

beforeAll(async () => {
  database = await createTestDatabase({ service: "orchestrator" });
  service = await participantUnderTest(orchestratorService, database.url);
}, 120_000);
afterAll(async () => {
  await service.close();
  await database.drop();
});

/** Delivers a message as the inbox does, in one transaction with what the saga sends. */
async function hears<Definition extends MessageDefinition>(
  { refundId }: Refund,
  definition: Definition,
  data: DataOf<Definition>,
): Promise<void> {
  const { db, outbox } = service.context;
  const handlers = sagaHandlers({ ...service.context }, versions);
  const record = recordOf(outgoing(definition, refundId, data, undefined), service.clock);
  const received = { id: uuidV7(), key: refundId, type: definition.type, data, traceparent: undefined, record };
  await inTransaction(db, async (tx) => outbox.send(tx, await handlers.handle(tx, [received])));
}

const sent = async () => (await service.takeSent()).map(({ type }) => type);
const sagaOf = async ({ refundId }: Refund) =>
  (
    await service.context.db.execute<{
      definition: string;
      status: string;
      step: string;
      data: Refund;
      reason: string;
    }>(sql`select definition, status, step, data, reason from saga where order_id = ${refundId}`)
  )[0];
/** Lets the timers look once after their clock has gone on. */
async function wakeAfter(ms: number): Promise<void> {
  await service.clock.advance(ms);
  const stopping = new AbortController();
  const looking = runSagaTimers(service.context, stopping.signal, versions);
  await eventually(() => expect(service.clock.sleeperCount).toBe(1));
  stopping.abort();
  await looking;
}
const newRefund = (): Refund => ({ refundId: uuidV7(), amount: 500 });

test("the engine drives a saga that has nothing to do with orders, from its beginning through the pivot to its end", async () => {
  const refund = newRefund();
  const { refundId } = refund;
  await hears(refund, RefundRequested, refund);
  expect(await sagaOf(refund)).toMatchObject({ definition: "refund", step: "HOLD_MONEY", data: refund, reason: null });
  await wakeAfter(1_000);
  expect(await sent()).toEqual(["HoldMoneyCommand", "HoldMoneyCommand"]);
  await hears(refund, MoneyHeld, { refundId, isEnough: true });
  await wakeAfter(1_000);
  expect(await sent()).toEqual(["AskBankCommand"]);
  await hears(refund, BankAgreed, { refundId });
  expect(await sent()).toEqual(["PayCommand"]);
  await hears(refund, RefundWithdrawn, refund);
  expect(await sent()).toEqual([]);
  await hears(refund, Paid, { refundId });
  expect(await sagaOf(refund)).toMatchObject({ status: "COMPLETE", step: "PAY" });
  expect(service.lines.find(({ event }) => event === "SAGA_COMMAND_RETRIED")).toMatchObject({
    ...{ refundId, service: "product", remedy: `ask the bank about ${refundId}` },
  });
  expect(service.lines.filter(({ event }) => event === "SAGA_REMINDER_SENT")).toHaveLength(1);
});

test("such a saga is compensated in reverse order when it is withdrawn, refused, or past its deadline", async () => {
  const [withdrawn, refusedOne, late] = [newRefund(), newRefund(), newRefund()];
  await hears(withdrawn, RefundRequested, withdrawn);
  await hears(withdrawn, MoneyHeld, { refundId: withdrawn.refundId, isEnough: true });
  await hears(withdrawn, RefundWithdrawn, withdrawn);
  await hears(withdrawn, MoneyReleased, { refundId: withdrawn.refundId });
  expect(await sent()).toEqual(["HoldMoneyCommand", "ReleaseMoneyCommand", "RejectCommand"]);
  await hears(withdrawn, Rejected, { refundId: withdrawn.refundId });
  expect(await sagaOf(withdrawn)).toMatchObject({ status: "CANCELLED", reason: "WITHDRAWN" });

  await hears(refusedOne, RefundRequested, refusedOne);
  await hears(refusedOne, MoneyHeld, { refundId: refusedOne.refundId, isEnough: false });
  const rejected = (await service.takeSent()).at(-1);
  expect(rejected).toMatchObject({ type: "RejectCommand", data: { because: "NO_FUNDS" } });

  await hears(late, RefundRequested, late);
  await wakeAfter(60_000);
  expect(await sagaOf(late)).toMatchObject({ status: "COMPENSATING", step: "RELEASE_MONEY", reason: "TIMED_OUT" });
});
