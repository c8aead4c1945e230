import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { ENGINE_OPTIONS } from "@shop/local/engine-options";
import { freePort } from "@shop/local/free-port";
import { type GuardedProcess, startGuarded } from "@shop/local/guarded-process";
import { createSigner, goodClaims, goodHeader } from "@shop/http/testing/tokens";
import { eventually } from "@shop/testing/eventually";
import { type BenchResult, appendResults, codeOfToday } from "../results/results.ts";
import { writeTables } from "../results/tables.ts";
import { atMost, percentile } from "./load.ts";

/**
 * What a call costs in the processes that pass it on: gateway and frontend, each as a process of its own before the same trivial upstream, and as the
 * yardstick a bare hop of `Bun.serve` and `fetch`. They are driven in turns by the same closed loop over kept connections, and the CPU is the kernel's count
 * of each process. Only the ratios count.
 */
const { values } = parseArgs({
  options: {
    /** Calls per process, kind and round. */
    calls: { type: "string", default: "4000" },
    rounds: { type: "string", default: "5" },
    /** Calls in flight. */
    concurrency: { type: "string", default: "64" },
    /** The folder of another checkout: its gateway and frontend are measured in the same turns. */
    base: { type: "string" },
    /** Appends what was measured to docs/results/bench.jsonl, and renders docs/performance.md. */
    record: { type: "boolean", default: false },
    /** How long the upstream takes for each answer, in milliseconds. */
    delay: { type: "string", default: "30" },
    /** For the processes that this program starts: which part of it to be, where the upstream is, and the public key of the access tokens. */
    role: { type: "string" },
    upstream: { type: "string", default: "" },
    key: { type: "string", default: "" },
  },
});

const JSON_TYPE = { "content-type": "application/json" };
const ORDER_ID = "01939e6a-7c00-7000-8000-000000000009";
const PRODUCT_ID = "01939e6a-7c00-7000-8000-000000000007";
const placed = JSON.stringify({
  items: [{ productId: PRODUCT_ID, quantity: 3 }],
  deliveryAddress: "1 Sejong-daero, Jung-gu, Seoul",
});
const order = JSON.stringify({
  id: ORDER_ID,
  customerId: "01939e6a-7c00-7000-8000-000000000001",
  status: "PENDING",
  progress: "CREATED",
  items: [{ productId: PRODUCT_ID, name: "Tea", unitPrice: 4_500, quantity: 3 }],
  total: 13_500,
  currency: "KRW",
  deliveryAddress: "1 Sejong-daero, Jung-gu, Seoul",
  createdAt: "2026-01-01T00:00:00.000Z",
});

/**
 * Answers as the order service does, without any of its work.
 * @param key the public key that access tokens are verified with, as JSON
 * @param delayMs how long each answer takes; that of the order service takes about as long as a transaction
 */
function serveUpstream(port: number, key: string, delayMs: number): void {
  const headers = { ...JSON_TYPE, "cache-control": "no-store", "x-request-id": "request-id-of-upstream" };
  Bun.serve({
    port,
    async fetch(request) {
      if (request.url.endsWith("/jwks.json")) return new Response(`{"keys":[${key}]}`, { headers: JSON_TYPE });
      if (delayMs > 0) await Bun.sleep(delayMs);
      if (request.method === "GET") return new Response(order, { headers });
      await request.arrayBuffer();
      return new Response(order, { status: 201, headers: { ...headers, location: `/api/orders/${ORDER_ID}` } });
    },
  });
}

/** The least that a hop can do: nothing is checked, limited, timed or read. */
function serveBareHop(port: number, upstream: string): void {
  Bun.serve({
    port,
    fetch({ url, method, headers, body }) {
      return fetch(upstream + url.slice(url.indexOf("/", 8)), { method, headers, body, redirect: "manual" });
    },
  });
}

/** One process that is measured. */
interface Hop {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
}

const [BARE, OF_BASE] = ["bare hop", " of base"];

const KINDS = ["GET", "POST"] as const;
type Kind = (typeof KINDS)[number];

/** A tick of the kernel's count, in microseconds. */
const TICK_US = 10_000;

/** The CPU that a process has used, in microseconds: user and system time of `/proc/PID/stat`, behind the name in parentheses. */
async function cpuUs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

const say = (line: string) => void process.stdout.write(`${line}\n`);
const [calls, rounds, concurrency] = [Number(values.calls), Number(values.rounds), Number(values.concurrency)];

async function sendOrder({ url }: Pick<Hop, "url">, kind: Kind, token: string, nth = 0): Promise<number> {
  const authorization = `Bearer ${token}`;
  const response =
    kind === "GET"
      ? await fetch(`${url}/api/orders/${ORDER_ID}`, { headers: { authorization } })
      : await fetch(`${url}/api/orders`, {
          method: "POST",
          headers: { ...JSON_TYPE, authorization, ...(nth % 2 === 0 ? {} : { "idempotency-key": `key-${nth}` }) },
          body: placed,
        });
  await response.arrayBuffer();
  return response.status;
}

/** @returns CPU of the process for each call, in microseconds */
async function drive(hop: Hop, kind: Kind, token: string): Promise<number> {
  const before = await cpuUs(hop.pid);
  await atMost(concurrency, Array.from({ length: calls }), async (_, nth) => {
    const status = await sendOrder(hop, kind, token, nth);
    if (status !== (kind === "GET" ? 200 : 201)) throw new Error(`${hop.name} answered ${status} to a ${kind}`);
  });
  return ((await cpuUs(hop.pid)) - before) / calls;
}

/** What the CPU of each hop was, by kind and then by hop, round after round. */
type Measured = ReadonlyMap<Kind, ReadonlyMap<Hop, number[]>>;

/** Starts everything, drives the hops in turns, and stops everything. */
async function measure(): Promise<Measured> {
  const processes: GuardedProcess[] = [];
  const signer = await createSigner();
  const claims = { ...goodClaims(Date.now()), iss: "order-delivery", aud: "order-delivery" };
  const token = await signer.sign(goodHeader, claims);

  async function start(name: string, arguments_: readonly string[], settings = {}, cwd = process.cwd()): Promise<Hop> {
    const port = await freePort();
    const started = await startGuarded({
      command: [process.execPath, ...arguments_],
      cwd,
      environment: { ...process.env, ...settings, PORT: String(port), MANAGEMENT_PORT: String(await freePort()) },
      onLine: (line) => say(`${name}: ${line}`),
    });
    processes.push(started);
    const hop = { name, url: `http://127.0.0.1:${port}`, pid: started.pid };
    await eventually(async () => {
      const status = await sendOrder(hop, "GET", token);
      if (status !== 200) throw new Error(`${name} answers ${status}`);
    });
    return hop;
  }

  try {
    const key = JSON.stringify(signer.publicJwk);
    const self = [import.meta.path, "--delay", values.delay, "--key", key];
    const upstream = await start("upstream", [...self, "--role", "upstream"]);
    const settings = {
      LOG_LEVEL: "warn",
      // As in the image, the bare hop too.
      ...ENGINE_OPTIONS,
      BUN_CONFIG_MAX_HTTP_REQUESTS: "16384",
      RATE_LIMIT_PER_USER_PER_SECOND: "1000000",
      JWKS_URL: `${upstream.url}/.well-known/jwks.json`,
      ORDER_URL: upstream.url,
      GATEWAY_URL: upstream.url,
    };
    const hops = [await start(BARE, [...self, "--role", "bare", "--upstream", upstream.url], settings)];
    const checkouts = [{ folder: resolve(import.meta.dir, "../.."), suffix: "" }];
    if (values.base !== undefined) checkouts.push({ folder: resolve(values.base), suffix: OF_BASE });
    for (const service of ["gateway", "frontend"]) {
      for (const { folder, suffix } of checkouts) {
        hops.push(await start(service + suffix, [join("services", service, "src/main.ts")], settings, folder));
      }
    }

    // The first round warms up.
    for (const kind of KINDS) for (const hop of hops) await drive(hop, kind, token);
    const measured = new Map(KINDS.map((kind) => [kind, new Map(hops.map((hop): [Hop, number[]] => [hop, []]))]));
    for (let round = 0; round < rounds; round += 1) {
      for (const [kind, ofKind] of measured) {
        for (const [hop, all] of ofKind) all.push(await drive(hop, kind, token));
      }
    }
    return measured;
  } finally {
    await Promise.all(processes.map((started) => started.stop("SIGTERM", 10_000)));
  }
}

/** Prints what was measured. @returns what is to be kept of it */
async function report(measured: Measured): Promise<readonly BenchResult[]> {
  const results: BenchResult[] = [];
  const code = await codeOfToday();
  const command = `bun tests/bench/edges.ts --calls ${calls} --rounds ${rounds} --concurrency ${concurrency} --delay ${values.delay}`;
  for (const [kind, ofKind] of measured) {
    const bare = [...ofKind].find(([{ name }]) => name === BARE)?.[1] ?? [];
    for (const [{ name }, all] of ofKind) {
      // Each against the bare hop of the same round: the machine changes from one round to the next.
      const ratios = all.map((us, round) => us / (bare[round] ?? Number.NaN));
      const [us, ratio] = [percentile(all, 0.5), percentile(ratios, 0.5)];
      const rest = `${us.toFixed(0).padStart(5)} µs of CPU a call, ${ratio.toFixed(2)} times the bare hop`;
      say(`${kind.padEnd(5)}${name.padEnd(18)}${rest} (${all.map((one) => one.toFixed(0)).join(" ")})`);
      if (name === BARE || name.endsWith(OF_BASE)) continue;
      const figures = { "of a bare hop": ratio.toFixed(1), µs: us.toFixed(0) };
      results.push({ ...code, command, group: "edges", what: `${name}, ${kind} of an order`, figures });
    }
  }
  return results;
}

if (values.role === "upstream") serveUpstream(Number(process.env["PORT"]), values.key, Number(values.delay));
else if (values.role === "bare") serveBareHop(Number(process.env["PORT"]), values.upstream);
else {
  const results = await report(await measure());
  if (values.record) {
    await appendResults("bench", results);
    await writeTables();
  }
  process.exit();
}
