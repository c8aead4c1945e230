import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { systemClock } from "@shop/runtime/clock";
import { createMetrics, type Metrics } from "@shop/runtime/metrics";
import { eventually } from "@shop/testing/eventually";
import { capturedLogger } from "@shop/testing/logger";
import { unusedPort } from "@shop/testing/ports";
import { createUpstreamPool, type UpstreamPool } from "./pool.ts";

/** A replica in a process of its own, and the orders that it has carried out. */
interface Replica {
  readonly name: string;
  readonly url: string;
  readonly orders: string[];
  /** Resolves when it listens. */
  start(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  readonly exited: () => Promise<number>;
}

/** More at once than this machine has cores by far. */
const CALLERS = 40;
/** Ends what hangs: a call that is left with a replica which does not answer. */
const ANSWER_WITHIN_MS = 30_000;
const PROGRAM = join(import.meta.dir, "..", "..", "testing", "small-upstream.ts");

let replicas: [Replica, Replica, Replica];
let metrics: Metrics;
let pool: UpstreamPool;
let load: Load | undefined;

async function createReplica(name: string): Promise<Replica> {
  const port = await unusedPort();
  const url = `http://127.0.0.1:${port}`;
  const orders: string[] = [];
  let child: Bun.Subprocess<"ignore", "pipe", "inherit"> | undefined;
  return {
    name,
    url,
    orders,
    async start() {
      const started = Bun.spawn([process.execPath, PROGRAM, String(port), name], {
        stdout: "pipe",
        stderr: "inherit",
      });
      child = started;
      void collect(started.stdout, orders);
      await eventually(async () => expect((await fetch(url, { keepalive: false })).status).toBe(200));
    },
    signal: (signal) => child?.kill(signal),
    exited: () => child?.exited ?? Promise.resolve(0),
  };
}

async function collect(output: ReadableStream<Uint8Array>, lines: string[]): Promise<void> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const bytes of output) {
    const parts = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    lines.push(...parts);
  }
}

beforeEach(async () => {
  replicas = [await createReplica("a"), await createReplica("b"), await createReplica("c")];
  await Promise.all([replicas[0].start(), replicas[1].start()]);
  metrics = createMetrics();
  const urls = replicas.map(({ url }) => url);
  pool = createUpstreamPool({ name: "order", urls, clock: systemClock, logger: capturedLogger().logger, metrics });
});
afterEach(async () => {
  await load?.stop();
  load = undefined;
  for (const { signal } of replicas) signal("SIGKILL");
  await Promise.all(replicas.map(({ exited }) => exited()));
});

type Kind = "GET" | "POST with a key" | "POST without a key";

interface Sent {
  readonly kind: Kind;
  readonly order: string;
  /** The replica that answered, or the failure. */
  readonly answeredBy: string;
  readonly ok: boolean;
}

let sentBefore = 0;

async function sendOne(kind: Kind): Promise<Sent> {
  sentBefore += 1;
  const order = `order-${sentBefore}`;
  const method = kind === "GET" ? "GET" : "POST";
  try {
    const response = await pool.send(
      async ({ url, fetch: send }, signal) => {
        const answer = await send(`${url}/api/orders`, { method, headers: { "x-order": order }, signal });
        return Response.json(await answer.json(), { status: answer.status });
      },
      { repeatable: kind !== "POST without a key", signal: AbortSignal.timeout(ANSWER_WITHIN_MS) },
    );
    const { name } = (await response.json()) as { name: string };
    return { kind, order, answeredBy: name, ok: response.ok };
  } catch (error) {
    return { kind, order, answeredBy: String(error), ok: false };
  }
}

interface Load {
  readonly sent: readonly Sent[];
  /** @returns everything that was sent */
  stop(): Promise<readonly Sent[]>;
}

/** Callers of all three kinds who send one request after the other. */
function startLoad(): Load {
  const sent: Sent[] = [];
  const kinds: readonly Kind[] = ["GET", "POST with a key", "POST without a key"];
  let going = true;
  const callers = Array.from({ length: CALLERS }, async (_none, index) => {
    while (going) sent.push(await sendOne(kinds[index % kinds.length] as Kind));
  });
  return {
    sent,
    async stop() {
      going = false;
      await Promise.all(callers);
      return sent;
    },
  };
}

const answersBy = (sent: readonly Sent[], { name }: Replica) => sent.filter(({ answeredBy }) => answeredBy === name);

async function answersMore({ sent }: Load, replica: Replica, more = 50): Promise<void> {
  const before = answersBy(sent, replica).length;
  await eventually(() => expect(answersBy(sent, replica).length).toBeGreaterThan(before + more));
}

function expectNoFailure(sent: readonly Sent[], kinds: readonly Kind[]): void {
  expect(sent.filter(({ kind, ok }) => !ok && kinds.includes(kind))).toEqual([]);
}

/** By what the replicas have carried out, not by what was answered. */
async function expectNothingTwiceWithoutKey(sent: readonly Sent[]): Promise<void> {
  const answered = sent.filter(({ kind, ok }) => ok && kind === "POST without a key");
  const carriedOut = () => replicas.flatMap(({ orders }) => orders);
  await eventually(() => expect(answered.filter(({ order }) => !carriedOut().includes(order))).toEqual([]));
  const counts = new Map<string, number>();
  for (const order of carriedOut()) counts.set(order, (counts.get(order) ?? 0) + 1);
  const without = sent.filter(({ kind }) => kind === "POST without a key");
  expect(without.filter(({ order }) => (counts.get(order) ?? 0) > 1)).toEqual([]);
}

const ALL: readonly Kind[] = ["GET", "POST with a key", "POST without a key"];
const REPEATABLE: readonly Kind[] = ["GET", "POST with a key"];

describe("under load, with two replicas and an address where nobody listens", () => {
  test("both answer, and no request fails", async () => {
    load = startLoad();
    await answersMore(load, replicas[0]);
    await answersMore(load, replicas[1]);
    const sent = await load.stop();
    expectNoFailure(sent, ALL);
    await expectNothingTwiceWithoutKey(sent);
  });

  test("a replica that stops in order costs no request of any kind", async () => {
    load = startLoad();
    await answersMore(load, replicas[0]);
    replicas[0].signal("SIGTERM");
    expect(await replicas[0].exited()).toBe(0);
    await answersMore(load, replicas[1]);
    const sent = await load.stop();
    expectNoFailure(sent, ALL);
    await expectNothingTwiceWithoutKey(sent);
  });

  test("a replica that is killed costs nothing that may be repeated, and nothing else is sent twice", async () => {
    load = startLoad();
    await answersMore(load, replicas[0]);
    replicas[0].signal("SIGKILL");
    await answersMore(load, replicas[1]);
    const sent = await load.stop();
    expectNoFailure(sent, REPEATABLE);
    // What the dead one held may have been carried out: its callers are told so, and no more than those.
    expect(sent.filter(({ ok }) => !ok).length).toBeLessThanOrEqual(CALLERS);
    await expectNothingTwiceWithoutKey(sent);
  });

  test("a replica that freezes costs nothing that may be repeated, and answers again when it thaws", async () => {
    load = startLoad();
    await answersMore(load, replicas[0]);
    replicas[0].signal("SIGSTOP");
    await eventually(async () =>
      expect(await metrics.expose()).toContain('http_upstream_taken_out_total{upstream="order",reason="silent"} 1'),
    );
    await answersMore(load, replicas[1]);
    replicas[0].signal("SIGCONT");
    await answersMore(load, replicas[0]);
    const sent = await load.stop();
    expectNoFailure(sent, REPEATABLE);
    expect(sent.filter(({ ok }) => !ok).length).toBeLessThanOrEqual(CALLERS);
    await expectNothingTwiceWithoutKey(sent);
  });

  test("a replica that appears gets its share, and so does one that was killed and started again", async () => {
    load = startLoad();
    await answersMore(load, replicas[0]);
    await replicas[2].start();
    await answersMore(load, replicas[2]);
    replicas[2].signal("SIGTERM");
    await replicas[2].exited();
    await replicas[2].start();
    await answersMore(load, replicas[2]);
    const sent = await load.stop();
    expectNoFailure(sent, ALL);
    await expectNothingTwiceWithoutKey(sent);
  });
});

describe("without load", () => {
  test("a request that must not be repeated goes past a replica that was frozen or killed meanwhile", async () => {
    for (const kind of ALL) expect((await sendOne(kind)).ok).toBe(true);
    replicas[0].signal("SIGSTOP");
    // Longer than an answer says that its replica lives.
    await Bun.sleep(600);
    for (let count = 0; count < 4; count += 1) expect((await sendOne("POST without a key")).answeredBy).toBe("b");
    replicas[0].signal("SIGKILL");
    await replicas[0].exited();
    for (let count = 0; count < 4; count += 1) expect((await sendOne("POST without a key")).answeredBy).toBe("b");
  });

  test("when nobody listens at any address it is given up after a few tries, and not only when its caller's time is over", async () => {
    for (const replica of replicas) replica.signal("SIGKILL");
    await Promise.all(replicas.map(({ exited }) => exited()));
    for (const kind of ALL) {
      const { ok, answeredBy } = await sendOne(kind);
      expect(ok).toBe(false);
      expect(answeredBy).toContain("connect");
      expect(answeredBy).not.toContain("TimeoutError");
    }
  });
});
