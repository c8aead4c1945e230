import { Connection } from "./connection.ts";
import type { Load, Outcome, Plan, PlannedRequest } from "./plan.ts";

/** A refused call is made again after this pause, with its own key if it has one. */
const RETRY_MS = 20;
/** Ends what hangs; no call takes this long on a machine that is merely slow. */
const CALL_WITHIN_MS = 120_000;
/** At a constant rate more calls than this wait for a connection, and that time counts. */
const MAX_CONNECTIONS = 1_024;
/** Answers that ask the caller to come again: a request still under way with the same key, too many requests, no capacity, no answer upstream. */
const REFUSALS: readonly number[] = [409, 429, 502, 503, 504];

/**
 * Carries out a plan.
 * @returns the outcomes in the order of the requests
 * @throws Error with the answer when a call is answered by anything but success or a refusal
 */
export async function carryOut({ origin, load, requests }: Plan): Promise<readonly Outcome[]> {
  const { host } = new URL(origin);
  const connections = connectionsTo(origin);
  const packets = requests.map((request) => packetOf(request, host));
  const outcomes = Array.from<Outcome>({ length: packets.length });
  const call = async (index: number, intendedAt: number) => {
    outcomes[index] = await untilDone(connections, packets[index] as Uint8Array, intendedAt);
  };
  await pace(load, packets.length, call);
  return outcomes;
}

/** They stay open between plans: opening one would count as time of the first call. */
const known = new Map<string, Connections>();

function connectionsTo(origin: string): Connections {
  const { hostname, port } = new URL(origin);
  const connections = known.get(origin) ?? new Connections(hostname, Number(port));
  known.set(origin, connections);
  return connections;
}

/** Milliseconds since 1970, with fractions. */
const now = (): number => performance.timeOrigin + performance.now();

type Call = (index: number, intendedAt: number) => Promise<void>;

async function pace(load: Load, count: number, call: Call): Promise<void> {
  switch (load.kind) {
    case "closed":
      return closedLoop(load.inFlight, count, call);
    case "constant":
      return constantRate(load.perSecond, count, call);
    default:
      return load satisfies never;
  }
}

async function closedLoop(inFlight: number, count: number, call: Call): Promise<void> {
  let next = 0;
  const caller = async () => {
    for (let index = next++; index < count; index = next++) await call(index, now());
  };
  await Promise.all(Array.from({ length: Math.min(inFlight, count) }, caller));
}

/** The schedule is settled by its start. A call that begins late, for whatever reason, still counts from when it was due: no coordinated omission. */
async function constantRate(perSecond: number, count: number, call: Call): Promise<void> {
  const startedAt = now();
  const calls: Promise<void>[] = [];
  while (calls.length < count) {
    const dueAt = startedAt + (calls.length * 1_000) / perSecond;
    const inMs = dueAt - now();
    if (inMs > 0) await Bun.sleep(inMs);
    else calls.push(call(calls.length, dueAt));
  }
  await Promise.all(calls);
}

async function untilDone(connections: Connections, packet: Uint8Array, intendedAt: number): Promise<Outcome> {
  for (let refusals = 0; ; refusals += 1) {
    const connection = await connections.take();
    const answer = await connection.send(packet).catch((error: unknown) => String(error));
    connections.giveBack(connection);
    const answeredAt = now();
    if (typeof answer !== "string" && answer.status < 300) {
      return { id: /"id":"([^"]+)"/.exec(answer.body)?.[1] ?? "", intendedAt, answeredAt, refusals };
    }
    const said = typeof answer === "string" ? answer : `${answer.status} ${answer.body.slice(0, 500)}`;
    if (typeof answer !== "string" && !REFUSALS.includes(answer.status)) throw new Error(`a call was answered ${said}`);
    if (answeredAt > intendedAt + CALL_WITHIN_MS) throw new Error(`a call was refused for too long: ${said}`);
    await Bun.sleep(RETRY_MS);
  }
}

function packetOf({ method, path, headers, body }: PlannedRequest, host: string): Uint8Array {
  const content = Buffer.from(body);
  const all = { host, ...headers, "content-length": String(content.length) };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n`), content]);
}

/** Keep-alive connections to one server; the one used last is used next, so that there are only as many as calls at once. */
class Connections {
  readonly #free: Connection[] = [];
  readonly #waiting: ((connection: Promise<Connection>) => void)[] = [];
  readonly #hostname: string;
  readonly #port: number;
  #count = 0;

  constructor(hostname: string, port: number) {
    this.#hostname = hostname;
    this.#port = port;
  }

  async take(): Promise<Connection> {
    for (let free = this.#free.pop(); free !== undefined; free = this.#free.pop()) {
      if (free.isOpen) return free;
      this.#count -= 1;
    }
    if (this.#count < MAX_CONNECTIONS) return this.#open();
    return new Promise<Connection>((resolve) => this.#waiting.push(resolve));
  }

  giveBack(connection: Connection): void {
    const next = this.#waiting.shift();
    if (connection.isOpen) {
      if (next === undefined) this.#free.push(connection);
      else next(Promise.resolve(connection));
      return;
    }
    this.#count -= 1;
    next?.(this.#open());
  }

  async #open(): Promise<Connection> {
    this.#count += 1;
    try {
      return await Connection.open(this.#hostname, this.#port);
    } catch (error) {
      this.#count -= 1;
      throw error;
    }
  }
}
