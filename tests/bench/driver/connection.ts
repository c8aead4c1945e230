import type { Socket } from "bun";

export interface DriverAnswer {
  readonly status: number;
  readonly body: string;
}

const HEAD_END = "\r\n\r\n";
const LAST_CHUNK = "\r\n0\r\n\r\n";

/**
 * One keep-alive HTTP/1.1 connection that carries one request at a time. Bun's `fetch` costs the driver several times as much CPU per call (streams,
 * header objects, abort signals), which the system under test would lack: both share the machine. It knows answers of known length and chunked ones,
 * and asks for no compression.
 */
export class Connection {
  #socket: Socket | undefined;
  #unsent: Uint8Array | undefined;
  #received = "";
  #waiting: PromiseWithResolvers<DriverAnswer> | undefined;
  /** What the answer that is being received is still short of: bytes, or the last chunk. */
  #bodyStart = -1;
  #bodyLength: number | "chunked" = 0;
  isOpen = false;

  static async open(hostname: string, port: number): Promise<Connection> {
    const connection = new Connection();
    await Bun.connect({
      hostname,
      port,
      socket: {
        // One byte a character, so that lengths in bytes are lengths of the text.
        data: (_, bytes) => connection.#receive(bytes.toString("latin1")),
        drain: () => connection.#write(),
        close: () => connection.#end(new Error("the connection was closed")),
        error: (_, error) => connection.#end(error),
        open: (socket) => {
          socket.setNoDelay(true);
          connection.#socket = socket;
          connection.isOpen = true;
        },
      },
    });
    return connection;
  }

  /** @throws Error when the connection ends before the answer has come */
  send(request: Uint8Array): Promise<DriverAnswer> {
    const waiting = Promise.withResolvers<DriverAnswer>();
    this.#waiting = waiting;
    this.#unsent = request;
    this.#write();
    return waiting.promise;
  }

  #write(): void {
    if (this.#unsent === undefined || this.#socket === undefined) return;
    const written = this.#socket.write(this.#unsent);
    this.#unsent = written < this.#unsent.length ? this.#unsent.subarray(Math.max(written, 0)) : undefined;
  }

  #receive(text: string): void {
    this.#received += text;
    if (this.#bodyStart < 0) {
      const end = this.#received.indexOf(HEAD_END);
      if (end < 0) return;
      this.#bodyStart = end + HEAD_END.length;
      const head = this.#received.slice(0, end);
      const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? "0";
      this.#bodyLength = /\r\ntransfer-encoding: *chunked/i.test(head) ? "chunked" : Number(length);
    }
    const isWhole =
      this.#bodyLength === "chunked"
        ? this.#received.endsWith(LAST_CHUNK)
        : this.#received.length >= this.#bodyStart + this.#bodyLength;
    if (!isWhole) return;
    const answer = {
      status: Number(this.#received.slice("HTTP/1.1 ".length, "HTTP/1.1 200".length)),
      body: this.#received.slice(this.#bodyStart),
    };
    this.#received = "";
    this.#bodyStart = -1;
    this.#waiting?.resolve(answer);
    this.#waiting = undefined;
  }

  #end(error: Error): void {
    this.isOpen = false;
    this.#waiting?.reject(error);
    this.#waiting = undefined;
  }
}
