import { expect, test } from "bun:test";
import { allMessages } from "@shop/contracts/messages/registry";
import { type Topic, topics } from "@shop/contracts/services";
import { orderSaga } from "@shop/contracts/order-saga";
import { decode } from "@shop/messaging/inbox/decode";
import { asyncApiDocument } from "./asyncapi.ts";
import { messagesPage } from "./messages-page.ts";

const document = asyncApiDocument();

test("every topic is a channel with the messages that travel on it, and nothing else", () => {
  const channels = document["channels"] as Readonly<Record<string, { readonly messages: object }>>;
  expect(Object.keys(channels)).toEqual([...topics]);
  for (const topic of topics) {
    const own = allMessages.filter((message) => message.topic === topic).map(({ type }) => type);
    expect([topic, Object.keys(channels[topic]?.messages ?? {})]).toEqual([topic, own]);
  }
});

test("each service sends and receives what the contract says", () => {
  const operations = document["operations"] as Readonly<
    Record<string, { readonly messages: readonly { $ref: string }[] }>
  >;
  const typesOf = (name: string) => operations[name]?.messages.map(({ $ref }) => $ref.split("/").at(-1));
  expect(typesOf("order.send.order.events")).toEqual([
    "OrderCreated",
    "OrderCancelRequested",
    "OrderCompleted",
    "OrderCancelled",
    "OrdersReported",
  ]);
  expect(typesOf("order.receive.product.events")).toContain("ProductChanged");
  expect(typesOf("orchestrator.receive.product.events")).not.toContain("ProductChanged");
  for (const { type, sender, receivers, topic } of allMessages) {
    expect(typesOf(`${sender}.send.${topic}`)).toContain(type);
    for (const receiver of receivers) expect(typesOf(`${receiver}.receive.${topic}`)).toContain(type);
  }
});

test("it has the steps of the saga, and says of each message what it is in them", () => {
  const saga = document["x-saga"] as { readonly version: number; readonly steps: readonly { readonly name: string }[] };
  expect(saga.version).toBe(orderSaga.version);
  expect(saga.steps.map(({ name }) => name)).toEqual([...orderSaga.steps]);
  const { messages } = document["components"] as {
    readonly messages: Readonly<Record<string, { readonly description: string }>>;
  };
  const types = [...orderSaga.forward, ...orderSaga.backward].flatMap(({ command, answers }) => [command, ...answers]);
  for (const type of types) expect(messages[type]?.description).toMatch(/the saga('s command)? in [A-Z_]+/i);
  expect(messages["DeliveryFailed"]?.description).toContain("It answers the saga in WAIT_FOR_RIDER, CANCEL_DELIVERY.");
});

test("every example is a record that a receiver reads as that message", () => {
  const { messages } = document["components"] as {
    messages: Readonly<Record<string, { examples: readonly { payload: { subject: string } }[] }>>;
  };
  for (const { type, topic } of allMessages) {
    const payload = messages[type]?.examples[0]?.payload;
    expect(payload).toBeDefined();
    const value = Buffer.from(JSON.stringify(payload));
    const record = {
      topic: topic satisfies Topic,
      partition: 0,
      offset: "0",
      key: payload?.subject ?? "",
      value,
      headers: {},
    };
    expect([type, decode(record).kind]).toEqual([type, "message"]);
  }
});

test("the page shows every message with its data", async () => {
  const page = await messagesPage(document);
  for (const { type } of allMessages) expect(page).toContain(`<h3 id="${type}">`);
  expect(page).toContain("<code>items[].quantity</code>");
  expect(page).toContain("integer, 1 to 1000");
  // Parts of a union are optional where not all have them.
  expect(page).toMatch(/<code>reason<\/code> \(optional\)/);
});
