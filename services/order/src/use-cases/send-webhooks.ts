import { AddressRefused } from "@shop/http/outbound/public-addresses";
import { type OutboundAnswer, type OutboundPost, postTo } from "@shop/http/outbound/post";
import { errorText, ExplainedError } from "@shop/runtime/errors";
import type { Counter } from "@shop/runtime/metrics";
import type { ServiceContext } from "@shop/service/context";
import { Webhook as Signer } from "standardwebhooks";
import {
  claimDeliveries,
  type ClaimedDelivery,
  markDelivered,
  markFailed,
  purgeDeliveries,
  readUndelivered,
  type Undelivered,
} from "../db/webhook-deliveries.ts";
import { disableWebhook, enabledWebhooks, type WebhookRow } from "../db/webhooks.ts";
import { nextAttemptAt } from "../domain/webhook-attempts.ts";
import { webhookEventOf } from "../domain/webhook-event.ts";

/** How webhooks are sent. */
export interface WebhookSending extends Pick<OutboundPost, "allowed" | "resolve" | "ca"> {}

/** How soon it looks for what is due, in milliseconds; more rarely while there is no webhook. */
const INTERVAL_MS = 500;
const IDLE_INTERVAL_MS = 2_000;
/** What a receiver has for its answer, in milliseconds. */
const TIMEOUT_MS = 10_000;
/** A process that stops gives requests in flight this long, in milliseconds. */
const STOP_MS = 3_000;
/** For so long nobody else sends what a process has claimed, in milliseconds: longer than a request and its mark take. */
const LEASE_MS = 30_000;
/** Requests in flight of a process, to all receivers and to one: a slow receiver keeps no place that others need. */
const IN_FLIGHT = 64;
const IN_FLIGHT_TO_ONE = 8;
/** How often it counts what is undelivered and deletes what is old, in milliseconds. */
const HOUSEKEEPING_MS = 10_000;
/** Of an error as many characters are kept. */
const ERROR_LENGTH = 300;
/** A receiver that answers this wants to hear no more (Standard Webhooks). */
const GONE = 410;

type Outcome = "delivered" | "failed" | "dead";

/** An answer that is no success. */
class Answered extends ExplainedError {
  override readonly name = "Answered";
}

/**
 * Tells webhooks what happened, each order's events in their order. What fails is retried with backoff; after a day it is dead and waits for a replay. Any
 * number of replicas may send: each row is claimed for a time, so after a crash another one sends it again, with the same id. Runs until `signal` is aborted.
 */
export async function sendWebhooks(
  context: ServiceContext,
  signal: AbortSignal,
  sending: WebhookSending,
): Promise<void> {
  const { db, clock, logger, metrics } = context;
  const attempts = metrics.counter({
    name: "webhook_attempts_total",
    help: "Requests to webhooks by what came of them; dead are those that were given up",
    labels: { outcome: ["delivered", "failed", "dead"] },
  });
  let undelivered: Undelivered = { pending: 0, dead: 0, oldestAt: null };
  metrics.gauge(
    {
      name: "webhook_events_undelivered",
      help: "Events that webhooks have not been told, and those that were given up",
      labels: { state: ["pending", "dead"] },
    },
    () => [
      { labels: { state: "pending" }, value: undelivered.pending },
      { labels: { state: "dead" }, value: undelivered.dead },
    ],
  );
  metrics.gauge(
    { name: "webhook_oldest_pending_seconds", help: "How long ago the oldest event happened that is not delivered" },
    () => (undelivered.oldestAt === null ? 0 : Math.max(0, (clock.now() - undelivered.oldestAt.getTime()) / 1_000)),
  );
  const sender = createSender(context, sending, attempts);
  let tidiedAt = -HOUSEKEEPING_MS;

  while (!signal.aborted) {
    let interval = IDLE_INTERVAL_MS;
    const { promise: woken, resolve: wake } = Promise.withResolvers<void>();
    try {
      const webhooks = await enabledWebhooks(db);
      if (webhooks.length > 0) interval = INTERVAL_MS;
      for (const webhook of webhooks) if (await sender.sendDue(webhook, wake)) interval = 0;
      if (clock.elapsed() - tidiedAt >= HOUSEKEEPING_MS) {
        await purgeDeliveries(db);
        undelivered = await readUndelivered(db);
        tidiedAt = clock.elapsed();
      }
    } catch (error) {
      interval = IDLE_INTERVAL_MS;
      logger.warn("WEBHOOKS_WAIT", "webhooks could not be sent; retrying", { error });
    }
    const napping = new AbortController();
    await Promise.race([clock.sleep(interval, AbortSignal.any([signal, napping.signal])), woken]);
    napping.abort();
  }
  await sender.finish();
}

function createSender({ db, clock, logger }: ServiceContext, sending: WebhookSending, attempts: Counter<"outcome">) {
  /** By webhook the requests that are in flight. */
  const inFlight = new Map<string, Set<Promise<void>>>();
  const stopping = new AbortController();
  const all = () => [...inFlight.values()].flatMap((requests) => [...requests]);

  async function fail(webhook: WebhookRow, delivery: ClaimedDelivery, failure: unknown, answer?: OutboundAnswer) {
    const { id, orderId, type, attempts: count, firstAttemptAt } = delivery;
    const error = errorText(failure).slice(0, ERROR_LENGTH);
    const status = answer?.status ?? null;
    const now = new Date(clock.now());
    const tried = { attempts: count, firstAt: firstAttemptAt.getTime(), now: now.getTime() };
    const next = nextAttemptAt({ ...tried, retryAfter: answer?.retryAfter });
    const retryAt = next === null ? null : new Date(next);
    if (!(await markFailed(db, { id, attempts: count, status, error, retryAt, now }))) return;
    const about = { webhookId: webhook.id, deliveryId: id, orderId, type, attempts: count, status, reason: error };
    if (status === GONE && (await disableWebhook(db, webhook, now)))
      logger.warn("WEBHOOK_GONE", "a webhook answered 410, so it is disabled; what it was not told waits", about);
    attempts.inc({ outcome: retryAt === null ? "dead" : ("failed" satisfies Outcome) });
    if (retryAt === null)
      logger.error("WEBHOOK_DEAD_LETTERED", "a webhook was not told an event in a day, and it was given up", {
        ...about,
        remedy: `bun run shop replay-webhook ${webhook.id}`,
      });
    else logger.info("WEBHOOK_FAILED", "a webhook was not told an event; retrying", { ...about, retryAt });
  }

  async function send(webhook: WebhookRow, delivery: ClaimedDelivery): Promise<void> {
    const body = JSON.stringify(webhookEventOf(delivery));
    const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(TIMEOUT_MS)]);
    let answer: OutboundAnswer | undefined;
    try {
      const headers = headersOf(webhook, delivery, body, new Date(clock.now()));
      answer = await postTo({ ...sending, url: webhook.url, headers, body, signal });
      if (answer.status < 200 || answer.status > 299)
        throw new Answered(
          `it answered ${answer.status}${answer.status < 400 ? ", and redirects are not followed" : ""}`,
        );
    } catch (error) {
      // Nobody knows whether it arrived: another process sends it when the claim has run out.
      if (stopping.signal.aborted) return;
      const timedOut = signal.aborted && !(error instanceof AddressRefused);
      const failure = timedOut ? new Answered(`it gave no answer within ${TIMEOUT_MS / 1_000} s`) : error;
      return fail(webhook, delivery, failure, answer);
    }
    await markDelivered(db, { id: delivery.id, status: answer.status, now: new Date(clock.now()) });
    attempts.inc({ outcome: "delivered" satisfies Outcome });
  }

  return {
    /**
     * Begins to send what is due for a webhook, as far as there is room.
     * @param onFinished called when one of these requests is over: there is room, and the order's next event may be due
     * @returns whether more may be due at once
     */
    async sendDue(webhook: WebhookRow, onFinished: () => void): Promise<boolean> {
      const requests = inFlight.get(webhook.id) ?? new Set();
      inFlight.set(webhook.id, requests);
      const limit = Math.min(IN_FLIGHT_TO_ONE - requests.size, IN_FLIGHT - all().length);
      if (limit <= 0) return false;
      const now = clock.now();
      const until = new Date(now + LEASE_MS);
      const { claimed, looked } = await claimDeliveries(db, {
        webhookId: webhook.id,
        now: new Date(now),
        limit,
        until,
      });
      for (const delivery of claimed) {
        const request = send(webhook, delivery)
          .catch((error: unknown) =>
            logger.warn("WEBHOOK_UNMARKED", "what came of a webhook could not be noted; it is sent again", {
              ...{ webhookId: webhook.id, deliveryId: delivery.id, error },
            }),
          )
          .finally(() => {
            requests.delete(request);
            if (requests.size === 0) inFlight.delete(webhook.id);
            onFinished();
          });
        requests.add(request);
      }
      return looked === limit && claimed.length < limit;
    },
    /** Waits for requests in flight, a short time only. */
    async finish(): Promise<void> {
      const waited = new AbortController();
      await Promise.race([Promise.all(all()), clock.sleep(STOP_MS, waited.signal)]);
      waited.abort();
      stopping.abort();
      await Promise.all(all());
    },
  };
}

/** By Standard Webhooks: the id is the same however often it is sent, so that the receiver can drop duplicates. */
function headersOf(webhook: WebhookRow, { id }: ClaimedDelivery, body: string, now: Date) {
  const messageId = `msg_${id}`;
  const { secret, previousSecret, previousSecretUntil } = webhook;
  const isChangingOver = previousSecret !== null && previousSecretUntil !== null && previousSecretUntil > now;
  const secrets = isChangingOver ? [secret, previousSecret] : [secret];
  return {
    "content-type": "application/json",
    "user-agent": "order-delivery-webhooks",
    "webhook-id": messageId,
    "webhook-timestamp": String(Math.floor(now.getTime() / 1_000)),
    "webhook-signature": secrets.map((one) => new Signer(one).sign(messageId, now, body)).join(" "),
  };
}
