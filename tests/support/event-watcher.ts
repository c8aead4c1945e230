import { connect, type Socket } from "node:net";

/** Somebody who reads an order's events over a connection of their own, as bytes: `fetch` keeps too few open at once. */
export interface EventWatcher {
  /** The type of each event, in the order in which they came, with the time of each by `performance.now()`. */
  readonly events: readonly { readonly id: number; readonly type: string; readonly atMs: number }[];
  /** The first line of the answer, such as `HTTP/1.1 200 OK`. */
  readonly statusLine: () => string;
  /** Whether the stream was brought to its end as HTTP has it, not just cut. */
  readonly endedWhole: () => boolean;
  /** Resolves when the connection is over, or the answer is whole. */
  readonly closed: Promise<void>;
  leave(): void;
}

export function watchEvents(baseUrl: string, orderId: string, token: string, lastEventId?: number): EventWatcher {
  const { hostname, port } = new URL(baseUrl);
  const events: { id: number; type: string; atMs: number }[] = [];
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const socket: Socket = connect(Number(port), hostname);
  let text = "";
  let statusLine = "";
  let whole = false;
  socket.on("data", (piece) => {
    text += piece.toString();
    if (statusLine === "") statusLine = text.slice(0, text.indexOf("\r\n"));
    // An event is written in one piece, so no chunk boundary stands within it.
    for (const [, id, type] of text.matchAll(/id: (\d+)\ndata: \{"type":"(\w+)".*\n\n/g)) {
      events.push({ id: Number(id), type: String(type), atMs: performance.now() });
    }
    whole ||= /(^|\r\n)0\r\n\r\n$/.test(text);
    text = text.slice(text.lastIndexOf("\n\n") + 1);
    if (whole) socket.destroy();
  });
  socket.once("close", () => resolve());
  socket.once("error", () => resolve());
  const resume = lastEventId === undefined ? "" : `Last-Event-ID: ${lastEventId}\r\n`;
  socket.write(
    `GET /api/orders/${orderId}/events HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer ${token}\r\n${resume}\r\n`,
  );
  return {
    events,
    statusLine: () => statusLine,
    endedWhole: () => whole,
    closed,
    leave: () => void socket.destroy(),
  };
}
