import { parseArgs } from "node:util";
import { processNames } from "@shop/contracts/services";
import { areOrderable } from "../support/orderable.ts";
import { enter } from "@shop/local/demo/enter";
import { until } from "@shop/local/demo/story";
import { freePort } from "@shop/local/free-port";
import { eventually } from "@shop/testing/eventually";
import postgres from "postgres";
import { depthsOf } from "../support/composed-depths.ts";
import { composeProject, docker, serviceOf } from "../support/compose-project.ts";
import { appendResults, type BenchResult, codeOfToday } from "../results/results.ts";
import { writeTables } from "../results/tables.ts";
import { atMost, customers } from "./load.ts";

/**
 * What one, two and three replicas of every service do, in the composed system with three brokers, in turns within one run. First they share the machine as
 * they come; then each has no more than a part of a core, as on machines of their own that are small.
 */
const { values } = parseArgs({
  options: {
    orders: { type: "string", default: "600" },
    rounds: { type: "string", default: "2" },
    "in-flight": { type: "string", default: "48" },
    /** What each replica may use of a core in the second part. */
    cpus: { type: "string", default: "0.1" },
    /** Appends what was measured to docs/results/bench.jsonl, and renders docs/operations.md. */
    record: { type: "boolean", default: false },
  },
});
const orders = Number(values.orders);
const rounds = Number(values.rounds);
const inFlight = Number(values["in-flight"]);

const SCALED: readonly string[] = processNames.filter((name) => name !== "user");
const say = (line: string) => void process.stdout.write(`${line}\n`);

const project = composeProject({
  name: "order-delivery-replicas",
  port: await freePort(),
  files: ["compose.cluster.yaml"],
});

async function scaleTo(count: number, cpus: string): Promise<void> {
  const scales = SCALED.flatMap((service) => ["--scale", `${service}=${count}`]);
  await project.compose("up", "--detach", "--wait", "--wait-timeout", "300", "--no-recreate", ...scales);
  const replicas = (await project.containers()).filter((container) => SCALED.includes(serviceOf(container)));
  await docker(["update", "--cpus", cpus, ...replicas.map(({ Id }) => Id)]);
}

async function run(): Promise<void> {
  await project.compose("build");
  await scaleTo(1, "2");
  // A busy host may answer with 503 at first.
  const shoppers = await eventually(() => customers(project.url, inFlight), { deadlineMs: 120_000, pauseMs: 1_000 });
  const admin = await enter(project.url, "admin");
  const product = { name: "Load", price: 1_000, currency: "KRW", stock: 1_000_000 } as const;
  const productIds = await atMost(4, Array.from({ length: 100 }), async () => (await admin.createProduct(product)).id);
  const [anyone] = shoppers;
  if (anyone === undefined) throw new Error("--in-flight is 1 or more");
  await until(
    "the catalogue",
    () => areOrderable(anyone, productIds.slice(-1)),
    (are) => are,
  );
  const deliveryDb = postgres((await depthsOf(project)).databaseUrls.get("delivery") ?? "", { max: 1 });
  const deliveries = async () =>
    (await deliveryDb<{ n: number }[]>`select count(*)::int as n from delivery`)[0]?.n ?? 0;

  /** @returns orders a second, from the first call to the last delivery that waits for a rider */
  async function measured(count: number): Promise<number> {
    const before = await deliveries();
    const startedAt = performance.now();
    await atMost(inFlight, Array.from({ length: count }), async (_, worker) => {
      const items = [{ productId: productIds[worker % productIds.length] ?? "", quantity: 1 }];
      await shoppers[worker % shoppers.length]?.createOrder({
        items,
        deliveryAddress: "1 Sejong-daero, Jung-gu, Seoul",
      });
    });
    const all = async () =>
      (await deliveries()) >= before + count || Promise.reject(new Error("deliveries are missing"));
    await eventually(all, { deadlineMs: 180_000 });
    return (count / (performance.now() - startedAt)) * 1_000;
  }

  const code = await codeOfToday();
  const command = `bun tests/bench/replicas.ts --orders ${orders} --in-flight ${inFlight}`;
  const results: BenchResult[] = [];
  for (const [cpus, what] of [
    ["2", "sharing the machine"],
    [values.cpus, `each with ${values.cpus} of a core`],
  ] as const) {
    for (let round = 1; round <= rounds; round += 1) {
      let one = Number.NaN;
      const figures: Record<string, string> = {};
      for (const count of [1, 2, 3]) {
        await scaleTo(count, cpus);
        await measured(orders / 4);
        const perSecond = await measured(orders);
        if (count === 1) one = perSecond;
        figures[`${count} of each`] = `${(perSecond / one).toFixed(1)} times`;
        say(
          `round ${round}, ${count} of each, ${what}: ${perSecond.toFixed(0)} orders per s, ${(perSecond / one).toFixed(2)} of one`,
        );
      }
      results.push({ ...code, command, group: "replicas", what: `${what}, round ${round}`, figures });
    }
  }
  await deliveryDb.end();
  if (!values.record) return;
  await appendResults("bench", results);
  await writeTables();
}

try {
  await run();
} finally {
  await project.compose("down", "--volumes", "--timeout", "5");
}
