import type { OrderEvent } from "@shop/contracts/http/order";
import { ApiError, refusalOf } from "./api.ts";
import { createEventParser } from "./event-stream.ts";

interface Watcher {
  onEvent(event: OrderEvent): void;
  /** Whether news arrive now. */
  onConnection(isLive: boolean): void;
  /** The session has ended, so there is no news for this person any more. */
  onRefused(error: ApiError): void;
}

/** The server sends a comment every 5 s: a connection that is quiet for longer than this is dead, in milliseconds. */
const QUIET_FOR_MS = 12_000;
/** Events are counted from 1: whoever has seen none gets the order's whole way, with its times. */
const BEFORE_THE_FIRST = "0";
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 5_000;

/** Follows an order until it has ended or `signal` is aborted; after a lost connection it goes on where it was. */
export async function watchOrder(orderId: string, signal: AbortSignal, watcher: Watcher): Promise<void> {
  let lastId = BEFORE_THE_FIRST;
  let retryMs = FIRST_RETRY_MS;
  let hasEnded = false;

  async function followOnce(): Promise<void> {
    const connection = new AbortController();
    const leave = () => connection.abort();
    signal.addEventListener("abort", leave, { once: true });
    let quiet = setTimeout(leave, QUIET_FOR_MS);
    try {
      const response = await fetch(`/api/orders/${orderId}/events`, {
        headers: { "last-event-id": lastId },
        signal: connection.signal,
        cache: "no-store",
      });
      if (!response.ok || response.body === null) throw refusalOf(response, await response.text());
      watcher.onConnection(true);
      retryMs = FIRST_RETRY_MS;
      const take = createEventParser(({ id, data }) => {
        lastId = id ?? lastId;
        const event = JSON.parse(data) as OrderEvent;
        hasEnded = event.order.status !== "PENDING";
        watcher.onEvent(event);
      });
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        clearTimeout(quiet);
        quiet = setTimeout(leave, QUIET_FOR_MS);
        take(value);
      }
    } finally {
      clearTimeout(quiet);
      signal.removeEventListener("abort", leave);
      connection.abort();
    }
  }

  while (!signal.aborted) {
    try {
      await followOnce();
      if (hasEnded) return;
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApiError && error.problem.status === 401) {
        watcher.onRefused(error);
        return;
      }
    }
    watcher.onConnection(false);
    await pause(retryMs, signal);
    retryMs = Math.min(retryMs * 2, LAST_RETRY_MS);
  }
}

/** Waits; shorter when the network comes back meanwhile. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const waited = new AbortController();
    const finish = () => {
      clearTimeout(timer);
      waited.abort();
      resolve();
    };
    const timer = setTimeout(finish, ms);
    globalThis.addEventListener("online", finish, { signal: waited.signal });
    signal.addEventListener("abort", finish, { signal: waited.signal });
  });
}
