import type { Socket } from "bun";

/** An upstream for tests that speaks for itself, byte by byte: also what no HTTP server would say. */
export interface TcpUpstream {
  readonly url: string;
  readonly port: number;
  /** The first line of every request, such as `GET /api/orders HTTP/1.1`, in the order they came. */
  readonly requests: readonly string[];
  /** Connections that are open now. */
  readonly openCount: () => number;
  stop(): void;
}

interface Connection {
  readonly socket: Socket;
  /** The requests of this connection so far, this one included. */
  readonly nth: number;
}

/**
 * Listens on a port of its own. Requests are told apart by arriving in packets of their own, which they do here: each waits for its answer.
 * @param onRequest answers, or does not
 */
export function listenTcp(
  onRequest: (request: string, connection: Connection) => void | Promise<void>,
  port = 0,
): TcpUpstream {
  const requests: string[] = [];
  const counts = new Map<Socket, number>();
  const listener = Bun.listen({
    hostname: "127.0.0.1",
    port,
    socket: {
      open: (socket) => void counts.set(socket, 0),
      close: (socket) => void counts.delete(socket),
      data(socket, bytes) {
        const nth = (counts.get(socket) ?? 0) + 1;
        counts.set(socket, nth);
        const text = bytes.toString();
        requests.push(text.slice(0, text.indexOf("\r\n")));
        return onRequest(text, { socket, nth });
      },
    },
  });
  return {
    url: `http://127.0.0.1:${listener.port}`,
    port: listener.port,
    requests,
    openCount: () => counts.size,
    stop: () => listener.stop(true),
  };
}

/** A whole answer in JSON, after which the connection stays open. */
export function jsonAnswer(body: unknown): string {
  const text = JSON.stringify(body);
  return `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
}
