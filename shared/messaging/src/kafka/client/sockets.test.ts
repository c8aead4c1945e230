import { afterEach, beforeEach, expect, test } from "bun:test";
import { ManualClock } from "@shop/testing/clock";
import { eventually } from "@shop/testing/eventually";
import { capturedLogger } from "@shop/testing/logger";
import { unusedPort } from "@shop/testing/ports";
import { createSockets, type Sockets } from "./sockets.ts";

let clock: ManualClock;
let sockets: Sockets;
let captured: ReturnType<typeof capturedLogger>;

beforeEach(() => {
  clock = new ManualClock();
  captured = capturedLogger();
  sockets = createSockets({ clock, logger: captured.logger });
});
afterEach(() => sockets.close());

/** Opens a socket and closes it. @returns "connected", or why it failed */
function outcome(host: string, port: number, ssl?: object): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = sockets.open({ host, port, ssl: ssl as never, onConnect: () => resolve("connected") });
  socket.on("error", ({ message }) => resolve(message));
  return promise.finally(() => socket.destroy());
}

const listen = (port = 0) => Bun.listen({ hostname: "127.0.0.1", port, socket: { data: () => undefined } });
const messages = () => captured.lines.map(({ message }) => message);

test("a broker that refuses is not asked again until it listens, and then it is found", async () => {
  const port = await unusedPort();
  expect(await outcome("127.0.0.1", port)).toContain("ECONNREFUSED");
  expect(await outcome("127.0.0.1", port)).toBe(`127.0.0.1:${port} could not be reached a moment ago`);
  const broker = listen(port);
  await clock.advance(250);
  await eventually(async () => expect(await outcome("127.0.0.1", port)).toBe("connected"));
  expect(messages()).toEqual([
    "a Kafka broker cannot be reached; other brokers are used where there are any",
    "a Kafka broker can be reached again",
  ]);
  broker.stop(true);
});

test("a machine that is gone and refuses nobody costs one time-out, not one for each connection", async () => {
  // An address for documentation, which no machine has (RFC 5737): nothing comes back from it, or the network says so.
  const first = outcome("192.0.2.1", 9092);
  await clock.advance(2_000);
  expect(await first).not.toBe("connected");
  expect(await outcome("192.0.2.1", 9092)).toBe("192.0.2.1:9092 could not be reached a moment ago");
});

test("a broker that can be reached and fails afterwards, by what it says of itself, goes on being asked", async () => {
  const plain = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: (socket) => void socket.end("no TLS") } });
  for (const attempt of [1, 2]) {
    expect(await outcome("127.0.0.1", plain.port, {}), `attempt ${attempt}`).not.toContain("a moment ago");
  }
  expect(messages()).toEqual([]);
  plain.stop(true);
});

test("a broker that nobody has asked for a minute is not looked for any more", async () => {
  const port = await unusedPort();
  await outcome("127.0.0.1", port);
  for (let second = 0; second < 70; second += 1) {
    await clock.advance(1_000);
    await new Promise(setImmediate);
  }
  await eventually(async () => expect(await outcome("127.0.0.1", port)).toContain("ECONNREFUSED"));
});
