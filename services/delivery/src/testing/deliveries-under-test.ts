import { afterAll, beforeAll, beforeEach, expect } from "bun:test";
import type { Role } from "@shop/contracts/http/define";
import { Delivery } from "@shop/contracts/http/delivery";
import {
  CancelDeliveryCommand,
  CreateDeliveryCommand,
  DeliveryCancelled,
  DeliveryCompleted,
  DeliveryCreated,
  DeliveryFailed,
} from "@shop/contracts/messages/delivery";
import { outgoing } from "@shop/messaging/outbox/outgoing";
import { uuidV7 } from "@shop/runtime/ids";
import { type ParticipantUnderTest, participantUnderTest, sent } from "@shop/service/testing/participant-under-test";
import { createTestDatabase } from "@shop/testing/database";
import { deliveryService } from "../service.ts";

export const [customer, stranger, rider, rider2, admin] = [uuidV7(), uuidV7(), uuidV7(), uuidV7(), uuidV7()];
export const deliveryAddress = "서울 종로구 세종대로 1";

const forOrder = (orderId: string) => ({ orderId, customerId: customer, deliveryAddress });
export const create = (orderId: string) => outgoing(CreateDeliveryCommand, orderId, forOrder(orderId), undefined);
export const cancel = (orderId: string) => outgoing(CancelDeliveryCommand, orderId, forOrder(orderId), undefined);

type About = Pick<Delivery, "id" | "orderId">;
const about = ({ id, orderId }: About) => ({ orderId, deliveryId: id });
export const created = (of: About) => sent(DeliveryCreated, of.orderId, about(of));
export const cancelled = (of: About) => sent(DeliveryCancelled, of.orderId, { ...about(of), result: "SUCCESS" });
export const cancelRefused = (of: About) =>
  sent(DeliveryCancelled, of.orderId, { ...about(of), result: "REFUSED", reason: "ALREADY_COMPLETE" });
export const failed = (of: About, reason: string) => sent(DeliveryFailed, of.orderId, { ...about(of), reason });
export const completed = (of: Delivery) =>
  sent(DeliveryCompleted, of.orderId, { ...about(of), riderId: of.riderId ?? "", completedAt: of.completedAt ?? "" });

/** As much of the answers' bodies as these tests look into without parsing them. */
interface Body {
  readonly code: string;
  readonly items: readonly Delivery[];
  readonly nextCursor: string | null;
}
export interface DeliveryAnswer {
  readonly status: number;
  readonly body: Body;
}
type Caller = readonly [role: Role, id: string];
export const asRider: Caller = ["rider", rider];
export const asRider2: Caller = ["rider", rider2];
export const asAdmin: Caller = ["admin", admin];
export const asCustomer: Caller = ["customer", customer];

export type Call = (caller: Caller, method: string, path: string, body?: unknown) => Promise<DeliveryAnswer>;

/** Two replicas of the delivery service on a database of their own, for the tests of one file. */
export interface DeliveriesUnderTest {
  readonly service: ParticipantUnderTest;
  readonly twin: ParticipantUnderTest;
  readonly call: Call;
  readonly callTwin: Call;
  /** The deliveries that an order has. */
  ofOrder(orderId: string): Promise<readonly Delivery[]>;
  /** A new delivery that waits for a rider. */
  waiting(): Promise<Delivery>;
}

/** @returns what the tests use; it may be asked for its parts inside of tests only */
export function deliveriesUnderTest(): () => DeliveriesUnderTest {
  let underTest: DeliveriesUnderTest | undefined;
  let close = () => Promise.resolve();
  const started = () => {
    if (underTest === undefined) throw new Error("the deliveries under test are there once beforeAll has run");
    return underTest;
  };
  beforeAll(async () => {
    const database = await createTestDatabase({ service: "delivery" });
    const service = await participantUnderTest(deliveryService, database.url);
    const twin = await participantUnderTest(deliveryService, database.url);
    const call = callOf(service);
    underTest = {
      ...{ service, twin, call, callTwin: callOf(twin) },
      async ofOrder(orderId) {
        const { body } = await call(asAdmin, "GET", `?orderId=${orderId}`);
        return body.items.map((item) => Delivery.parse(item));
      },
      async waiting() {
        const orderId = uuidV7();
        await service.receive(create(orderId));
        await service.takeSent();
        const [delivery] = await started().ofOrder(orderId);
        return Delivery.parse(delivery);
      },
    };
    close = async () => {
      await service.close();
      await twin.close();
      await database.drop();
    };
  }, 120_000);
  beforeEach(async () => {
    await started().service.takeSent();
  });
  afterAll(() => close());
  return started;
}

function callOf(service: ParticipantUnderTest): Call {
  return async (caller, method, path, body) => {
    const response = await service.app.request(`/api/deliveries${path}`, {
      method,
      headers: {
        ...(await service.as(...caller)),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Body };
  };
}

/** Expects a call to be granted, and gives the delivery that it answered with. */
export async function granted(answer: Promise<DeliveryAnswer>): Promise<Delivery> {
  const { status, body } = await answer;
  expect(status).toBe(200);
  return Delivery.parse(body);
}

export async function expectRefusal(answer: Promise<DeliveryAnswer>, status: number, code: string): Promise<void> {
  const { status: given, body } = await answer;
  expect([given, body.code]).toEqual([status, code]);
}
