import { escapeInvisible } from "@shop/client/escape-invisible";
import type { Shop } from "@shop/client/shop";
import { webhookEvents, WebhookDeliveryState } from "@shop/contracts/http/webhook";
import { type Command, everyItem, type Given, idOf, LIMIT, oneOf, type Row, UsageError } from "./command.ts";

type Webhook = Awaited<ReturnType<Shop["getWebhook"]>>;
type Delivery = Awaited<ReturnType<Shop["listWebhookDeliveries"]>>["items"][number];

const STATES = ["enabled", "disabled"] as const;

const webhookRow = (webhook: Webhook): Row => ({
  shown: {
    WEBHOOK: webhook.id,
    STATE: webhook.enabled ? "enabled" : "disabled",
    PENDING: String(webhook.pending),
    DEAD: String(webhook.dead),
    EVENTS: webhook.events.join(","),
    URL: escapeInvisible(webhook.url),
  },
  whole: webhook,
  isBad: webhook.dead > 0,
});

const secretRow = (webhook: Webhook & { readonly secret: string }): Row => ({
  shown: { WEBHOOK: webhook.id, SECRET: webhook.secret },
  whole: webhook,
});

const deliveryRow = (delivery: Delivery): Row => ({
  shown: {
    EVENT: delivery.id,
    TYPE: delivery.type,
    ORDER: delivery.orderId,
    STATE: delivery.state,
    ATTEMPTS: String(delivery.attempts),
    NEXT: delivery.nextAttemptAt ?? "",
    // Of the receiver's choice, or a resolver's.
    REASON: escapeInvisible(delivery.lastError ?? ""),
  },
  whole: delivery,
});

function eventsOf({ options }: Given) {
  return options["events"]?.split(",").flatMap((name) => oneOf("events", name.trim(), webhookEvents) ?? []);
}

const EVENTS = { "--events <events>": `some of ${webhookEvents.join(",")}, with commas between them` } as const;

/** Addresses that are told what happens to orders. */
export const webhookCommands: readonly Command[] = [
  {
    name: "webhooks",
    options: LIMIT,
    summary: "The addresses that are told of events; exits with 1 when one of them has events that were given up.",
    example: "webhooks",
    async *run(shop, { options }) {
      for await (const webhook of everyItem(options, (page) => shop.listWebhooks(page))) yield webhookRow(webhook);
    },
  },
  {
    name: "add-webhook",
    words: ["<url>"],
    options: { ...EVENTS, "--description <text>": "what it is for" },
    summary: "Register an address for all events, or some. Its secret is shown this once.",
    example: "add-webhook https://erp.example.com/hooks --events order.completed,order.cancelled",
    async *run(shop, given) {
      const [url] = given.words;
      if (url === undefined) throw new UsageError("Which address? Give its URL.");
      const description = given.options["description"] ?? "";
      const webhook = { url, description, events: eventsOf(given) ?? [...webhookEvents] };
      yield secretRow(await shop.createWebhook(webhook));
    },
  },
  {
    name: "change-webhook",
    words: ["<webhook>"],
    options: { ...EVENTS, "--url <url>": "its new address", "--state <state>": `one of ${STATES.join(", ")}` },
    summary: "Give a webhook another address or other events, disable or enable it.",
    example: "change-webhook ID --state disabled",
    async *run(shop, given) {
      const state = oneOf("state", given.options["state"], STATES);
      const [url, events] = [given.options["url"], eventsOf(given)];
      if (state === undefined && url === undefined && events === undefined)
        throw new UsageError("Change what? Give --url, --events or --state.");
      const change = {
        ...(url === undefined ? {} : { url }),
        ...(events === undefined ? {} : { events }),
        ...(state === undefined ? {} : { enabled: state === "enabled" }),
      };
      yield webhookRow(await shop.changeWebhook(idOf(given, "webhook"), change));
    },
  },
  {
    name: "renew-webhook-secret",
    words: ["<webhook>"],
    summary: "Give a webhook a new secret, shown this once; for 24 hours the old one signs as well.",
    example: "renew-webhook-secret ID",
    async *run(shop, given) {
      yield secretRow(await shop.renewWebhookSecret(idOf(given, "webhook")));
    },
  },
  {
    name: "remove-webhook",
    words: ["<webhook>"],
    summary: "Remove a webhook, with everything that it has not been told yet.",
    example: "remove-webhook ID",
    async *run(shop, given) {
      const id = idOf(given, "webhook");
      await shop.removeWebhook(id);
      yield { shown: { WEBHOOK: id, STATE: "removed" }, whole: { id, removed: true } };
    },
  },
  {
    name: "webhook-deliveries",
    words: ["<webhook>"],
    options: {
      "--state <state>": `one of ${WebhookDeliveryState.options.join(", ")}`,
      "--order <order>": "only of this order",
      ...LIMIT,
    },
    summary: "What a webhook was told and is to be told, newest first.",
    example: "webhook-deliveries ID --state dead",
    async *run(shop, given) {
      const id = idOf(given, "webhook");
      const state = oneOf("state", given.options["state"], WebhookDeliveryState.options);
      const orderId = given.options["order"];
      const filter = { ...(state === undefined ? {} : { state }), ...(orderId === undefined ? {} : { orderId }) };
      const read = (page: { limit: number; cursor?: string }) => shop.listWebhookDeliveries(id, { ...page, ...filter });
      for await (const delivery of everyItem(given.options, read)) yield deliveryRow(delivery);
    },
  },
  {
    name: "replay-webhook",
    words: ["<webhook>"],
    options: { "--event <event>": "only this one", "--dry-run": "only count them" },
    summary: "Send again what was given up for a webhook, each order's events in their order.",
    example: "replay-webhook ID --dry-run",
    async *run(shop, given) {
      const dryRun = given.flags.has("dry-run");
      const event = given.options["event"];
      const body = { dryRun, ...(event === undefined ? {} : { ids: [event] }) };
      const answer = await shop.replayWebhook(idOf(given, "webhook"), body);
      yield { shown: { [dryRun ? "WOULD SEND" : "SENT AGAIN"]: String(answer.replayed) }, whole: answer };
    },
  },
];
