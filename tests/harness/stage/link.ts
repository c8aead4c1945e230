import { connect, createServer, type Server, type Socket } from "node:net";

export type Direction = "toServer" | "toClient";

/** A connection through a link, as a watcher knows it. */
export interface Connection {
  readonly id: number;
  /** The first bytes that the client sent, by which it introduces itself; empty before. */
  opening(): Buffer;
  /** Ends both of its sides with a TCP reset. */
  reset(): void;
  /** From now on nothing of the server reaches the client any more, and nobody is told. */
  silence(): void;
}

/** Sees each piece of bytes before it continues; `drop` keeps it back for good. */
export type Watcher = (connection: Connection, direction: Direction, bytes: Buffer) => "pass" | "drop";

/** How bytes travel over a link. */
export interface Weather {
  /** Added to each direction. */
  readonly latencyMs: number;
  readonly bytesPerSecond: number;
  /** Directions in which nothing arrives: what is sent waits, as in a network that loses packets. */
  readonly cut: readonly Direction[];
}

/** A stretch of network of ours: a TCP port that leads to the first target that takes the connection, in turn. */
export interface Link {
  readonly port: number;
  setWeather(weather: Partial<Weather>): void;
  /** Resets every connection. */
  resetAll(): void;
  /** Has each piece of bytes seen by somebody, one at a time. */
  watch(watcher: Watcher | undefined): void;
  close(): Promise<void>;
}

/** A connection as the link itself knows it. */
interface Joined extends Connection {
  hears(direction: Direction, bytes: Buffer): "pass" | "drop";
}

const FAIR: Weather = { latencyMs: 0, bytesPerSecond: Number.POSITIVE_INFINITY, cut: [] };

const HOST = "127.0.0.1";
/** A side that sends faster than the other takes is held back from here on, in bytes. */
const WINDOW = 256 * 1024;

/** @param targets ports on this machine; asked at each connection */
export async function openLink(port: number, targets: () => readonly number[]): Promise<Link> {
  let weather = FAIR;
  let changed = Promise.withResolvers<void>();
  let watcher: Watcher | undefined;
  let accepted = 0;
  const open = new Set<Joined>();

  /** Resolves when a piece has come through: late by the latency, behind those before it, as long as its size takes; by the weather as it is by then. */
  async function arrival(direction: Direction, size: number, cameAt: number): Promise<void> {
    const beginsAt = performance.now();
    for (;;) {
      const arrivesAt = Math.max(beginsAt, cameAt + weather.latencyMs) + (size / weather.bytesPerSecond) * 1_000;
      const leftMs = arrivesAt - performance.now();
      if (weather.cut.includes(direction)) await changed.promise;
      else if (leftMs > 0) await Promise.race([Bun.sleep(leftMs), changed.promise]);
      else return;
    }
  }

  /** Carries bytes one way, in their order, as late and as slowly as the weather says. */
  function carry(from: Socket, to: Socket, direction: Direction, connection: Joined): void {
    const waiting: { readonly piece: Buffer | "end"; readonly cameAt: number }[] = [];
    let bytesWaiting = 0;
    let carrying = false;
    async function carryAll(): Promise<void> {
      if (carrying) return;
      carrying = true;
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const { piece, cameAt } = next;
        const size = piece === "end" ? 0 : piece.length;
        await arrival(direction, size, cameAt);
        if (piece === "end") to.end();
        else if (!to.destroyed) to.write(piece);
        bytesWaiting -= size;
        if (bytesWaiting < WINDOW) from.resume();
      }
      carrying = false;
    }
    from.on("data", (bytes: Buffer) => {
      if (connection.hears(direction, bytes) === "drop") return;
      waiting.push({ piece: bytes, cameAt: performance.now() });
      bytesWaiting += bytes.length;
      if (bytesWaiting >= WINDOW) from.pause();
      void carryAll();
    });
    from.on("end", () => {
      waiting.push({ piece: "end", cameAt: performance.now() });
      void carryAll();
    });
    from.on("error", () => connection.reset());
  }

  function accept(client: Socket): void {
    accepted += 1;
    const id = accepted;
    client.pause();
    client.once("error", () => client.destroy());
    const candidates = rotated(targets(), id);
    const tryNext = () => {
      const target = candidates.shift();
      if (target === undefined) {
        client.resetAndDestroy();
        return;
      }
      const server = connect({ port: target, host: HOST, allowHalfOpen: true });
      server.once("error", tryNext);
      server.once("connect", () => {
        server.off("error", tryNext);
        join(id, client, server);
      });
    };
    tryNext();
  }

  function join(id: number, client: Socket, server: Socket): void {
    let opening: Buffer = Buffer.alloc(0);
    let silenced = false;
    const connection: Joined = {
      id,
      opening: () => opening,
      silence() {
        silenced = true;
      },
      hears(direction, bytes) {
        if (direction === "toServer" && opening.length === 0) opening = bytes;
        if (silenced && direction === "toClient") return "drop";
        return watcher?.(connection, direction, bytes) ?? "pass";
      },
      reset() {
        open.delete(connection);
        if (!client.destroyed) client.resetAndDestroy();
        if (!server.destroyed) server.resetAndDestroy();
      },
    };
    open.add(connection);
    client.setNoDelay(true);
    server.setNoDelay(true);
    carry(client, server, "toServer", connection);
    carry(server, client, "toClient", connection);
    server.once("close", () => open.delete(connection));
    client.resume();
  }

  const listener = await listen(port, accept);
  return {
    port,
    setWeather(next) {
      weather = { ...FAIR, ...next };
      changed.resolve();
      changed = Promise.withResolvers();
    },
    resetAll() {
      for (const connection of open) connection.reset();
    },
    watch(next) {
      watcher = next;
    },
    async close() {
      for (const connection of open) connection.reset();
      await new Promise((resolve) => listener.close(resolve));
    },
  };
}

function rotated(targets: readonly number[], by: number): number[] {
  const at = targets.length === 0 ? 0 : by % targets.length;
  return [...targets.slice(at), ...targets.slice(0, at)];
}

function listen(port: number, accept: (client: Socket) => void): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, accept);
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host: HOST }, () => resolve(server));
  });
}
