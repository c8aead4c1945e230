import { connect, createServer, type Socket } from "node:net";

export type Direction = "there" | "back";

/** A TCP link to a server that can be cut without either side being told, as a network does it. */
export interface Link {
  readonly host: string;
  readonly port: number;
  /** The same URL, by way of this link. */
  through(url: string): string;
  /** From now on nothing passes: `there`, to the server, or `back`, or both. No connection is closed, and new ones are accepted. */
  cut(...directions: readonly Direction[]): void;
  /** New connections pass again. Those that were there during the cut stay dead: what was lost of them is lost. */
  heal(): void;
  close(): void;
}

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
  readonly dead: Set<Direction>;
}

/** Opens a link on a free port of this machine to `host:port`. */
async function openLink(target: { readonly host: string; readonly port: number }): Promise<Link> {
  const pairs = new Set<Pair>();
  let cutNow: readonly Direction[] = [];
  const server = createServer((near) => {
    const far = connect(target.port, target.host);
    const pair: Pair = { near, far, dead: new Set(cutNow) };
    pairs.add(pair);
    const pass = (from: Socket, to: Socket, direction: Direction) => {
      from.on("data", (data) => pair.dead.has(direction) || to.write(data));
      from.on("close", () => {
        if (pair.dead.size > 0) return;
        to.destroy();
        pairs.delete(pair);
      });
      // A broken connection is closed next, which is all that matters here.
      from.on("error", () => from.destroy());
    };
    pass(near, far, "there");
    pass(far, near, "back");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the link has no port");
  return {
    host: "127.0.0.1",
    port: address.port,
    through(url) {
      const changed = new URL(url);
      changed.host = `127.0.0.1:${address.port}`;
      return changed.href;
    },
    cut(...directions) {
      cutNow = directions.length === 0 ? ["there", "back"] : directions;
      for (const { dead } of pairs) for (const direction of cutNow) dead.add(direction);
    },
    heal() {
      cutNow = [];
    },
    close() {
      for (const { near, far } of pairs) {
        near.destroy();
        far.destroy();
      }
      server.close();
    },
  };
}

/** A link to the server of a database URL. */
export function linkToDatabase(url: string): Promise<Link> {
  const { hostname, port } = new URL(url);
  return openLink({ host: hostname, port: Number(port) });
}
