import { createServer } from "node:net";
import { SetupError } from "./setup-error.ts";

/**
 * Below the ports that systems give to outgoing connections (32768 and up on Linux, 49152 on macOS): while a killed server is unavailable, a client
 * that retries and again to reach a port in that range can be given the very same port, and ends up connected to itself.
 */
const FIRST_PORT = 15_000;
const LAST_PORT = 31_999;

const given = new Set<number>();

/** A TCP port on which nobody listens and which this process has not given out before. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT + 1));
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
  throw new SetupError(
    `No free TCP port was found between ${FIRST_PORT} and ${LAST_PORT}. Stop some of the programs that listen there.`,
  );
}

/** A port that a program needs, and what for. */
export interface NeededPort {
  readonly port: number;
  /** As in "8080 (frontend)". */
  readonly owner: string;
}

/** @throws SetupError naming, in one sentence, all of these on which other programs listen */
export async function requireFreePorts(needed: readonly NeededPort[], remedy: string): Promise<void> {
  const states = await Promise.all(needed.map(async (each) => ({ ...each, free: await isFree(each.port) })));
  const busy = states.filter(({ free }) => !free);
  if (busy.length === 0) return;
  const named = busy.map(({ port, owner }) => `${port} (${owner})`).join(", ");
  throw new SetupError(
    busy.length === 1
      ? `Port ${named} is in use. Stop the program that holds it, or ${remedy}.`
      : `Ports ${named} are in use. Stop the programs that hold them, or ${remedy}.`,
  );
}

/** Any address is asked as well: a program on 0.0.0.0 or :: holds the port without being seen on 127.0.0.1 on every system. */
async function isFree(port: number): Promise<boolean> {
  return (await canListen(port, "127.0.0.1")) && (await canListen(port, "0.0.0.0"));
}

function canListen(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
