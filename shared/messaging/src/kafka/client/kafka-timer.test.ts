import { afterEach, expect, spyOn, test } from "bun:test";
import RequestQueue from "kafkajs/src/network/requestQueue";

const queues: RequestQueue[] = [];

afterEach(() => {
  for (const queue of queues.splice(0)) queue.destroy();
});

/** The queue of one connection to a broker: one request at a time, given up after 100 ms. */
function openQueue(): RequestQueue {
  const queue = new RequestQueue({
    maxInFlightRequests: 1,
    requestTimeout: 100,
    enforceRequestTimeout: true,
    clientId: "test",
    broker: "broker:9092",
    logger: { debug: () => undefined, warn: () => undefined },
  });
  queue.scheduleRequestTimeoutCheck();
  queues.push(queue);
  return queue;
}

/** Hands a request to the queue. `sent` settles when it goes out, `answered` when its response, or its failure, is there. */
function push(queue: RequestQueue, correlationId: number): { sent: Promise<number>; answered: Promise<unknown> } {
  const sent = Promise.withResolvers<number>();
  const answered = Promise.withResolvers<unknown>();
  const { resolve, reject } = answered;
  queue.push({
    entry: { apiKey: 3, apiName: "Metadata", apiVersion: 6, correlationId, resolve, reject },
    expectResponse: true,
    sendRequest: () => sent.resolve(performance.now()),
  });
  return { sent: sent.promise, answered: answered.promise };
}

function answer(queue: RequestQueue, correlationId: number): void {
  queue.fulfillRequest({ correlationId, payload: new Uint8Array(), size: 0 });
}

test("an idle connection sets no timer", async () => {
  const queue = openQueue();
  const { answered } = push(queue, 1);
  answer(queue, 1);
  await answered;
  const timers = spyOn(globalThis, "setTimeout");
  const warnings = spyOn(process, "emitWarning");
  try {
    const watched = Promise.withResolvers<void>();
    const stopWatching = setInterval(watched.resolve, 200);
    await watched.promise;
    clearInterval(stopWatching);
    expect(timers).not.toHaveBeenCalled();
    expect(warnings).not.toHaveBeenCalled();
  } finally {
    timers.mockRestore();
    warnings.mockRestore();
  }
});

test("a request that is not answered in time is rejected, and the one behind it is sent", async () => {
  const queue = openQueue();
  const first = push(queue, 1);
  const second = push(queue, 2);
  const failure = await first.answered.catch((error: unknown) => error);
  expect(failure).toHaveProperty("name", "KafkaJSRequestTimeoutError");
  await second.sent;
  answer(queue, 2);
  expect(await second.answered).toMatchObject({ correlationId: 2 });
});

test("a request pushed while the broker throttles goes out when the throttle ends, with no other request to set it off", async () => {
  const queue = openQueue();
  const throttledAt = performance.now();
  queue.maybeThrottle(50);
  const { sent, answered } = push(queue, 1);
  expect((await sent) - throttledAt).toBeGreaterThan(40);
  answer(queue, 1);
  await answered;
});
