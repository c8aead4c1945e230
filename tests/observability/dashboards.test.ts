import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Shop } from "@shop/client/shop";
import { eventually } from "@shop/testing/eventually";
import { publish } from "../support/bad-messages.ts";
import { type Prometheus, startPrometheus } from "../support/prometheus.ts";
import {
  deliveryOf,
  newProduct,
  orderBecomes,
  placeOrder,
  startTestSystem,
  type TestSystem,
} from "../support/test-system.ts";

interface Dashboard {
  readonly title: string;
  readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[];
}

const FOLDER = join(import.meta.dir, "../../deploy/observability/grafana/dashboards");
const dashboards: readonly Dashboard[] = await Promise.all(
  (await Array.fromAsync(new Bun.Glob("*.json").scan(FOLDER))).map((file) => Bun.file(join(FOLDER, file)).json()),
);
const queries = dashboards.flatMap(({ title, panels }) =>
  panels.flatMap((panel) => panel.targets.map(({ expr }) => [title, panel.title, expr] as const)),
);

let shop: TestSystem;
let prometheus: Prometheus;
let stopLoad: () => Promise<void>;

beforeAll(async () => {
  shop = await startTestSystem({ settings: { ACCESS_LOG: "true" } });
  const addresses = Object.entries(shop.system.services).map(
    ([name, { managementUrl }]) => [name, [managementUrl]] as const,
  );
  prometheus = await startPrometheus(new Map(addresses));
  stopLoad = await load(await shop.logIn("customer"), await shop.logIn("rider"));
}, 240_000);
afterAll(async () => {
  await stopLoad();
  await prometheus.stop();
  await shop.stop();
}, 180_000);

/** Orders without a pause, one after the other: some are completed, some cancelled, some refused. */
async function load(customer: Shop, rider: Shop): Promise<() => Promise<void>> {
  const [plenty, none] = [await newProduct(shop, 1_000_000), await newProduct(shop, 0)];
  let stopped = false;
  const waiting = async () => {
    const { id } = await placeOrder(customer, plenty, 1);
    await orderBecomes(customer, id, "progress", "WAITING_FOR_RIDER");
    return id;
  };
  async function round(): Promise<void> {
    const { id } = await deliveryOf(customer, await waiting());
    await rider.claimDelivery(id);
    await rider.completeDelivery(id);
    await customer.cancelOrder(await waiting());
    await placeOrder(customer, none, 1);
  }
  const running = (async () => {
    while (!stopped) await round();
  })();
  return async () => {
    stopped = true;
    await running;
  };
}

test("Prometheus reads what each process shows, and promtool has nothing against its names", async () => {
  await eventually(async () => expect(await prometheus.scrapeErrors()).toEqual([]));
  for (const { managementUrl } of Object.values(shop.system.services)) {
    const shown = await (await fetch(`${managementUrl}/metrics`)).text();
    const check = Bun.spawn(["promtool", "check", "metrics"], { stdin: new Blob([shown]), stderr: "pipe" });
    expect(await new Response(check.stderr).text()).toBe("");
    expect(await check.exited).toBe(0);
  }
});

test.each(queries)("under load %s, %s has data: %s", async (_dashboard, _panel, expr) => {
  const expression = expr.replaceAll("$__rate_interval", "30s").replaceAll("$__range", "1h");
  await eventually(async () => {
    const series = await prometheus.query(expression);
    expect(series.filter(({ value }) => Number.isFinite(value)).length).toBeGreaterThan(0);
  });
});

test("with ACCESS_LOG=true each process that a request reaches has a line for it, with the same request id", async () => {
  const requestId = `access-log-${crypto.randomUUID()}`;
  await fetch(`${shop.system.frontendUrl}/api/orders`, { headers: { "x-request-id": requestId } });
  const answered = () =>
    shop.logs
      .filter((line) => line.includes("REQUEST_ANSWERED") && line.includes(requestId))
      .map((line) => line.split(" ")[0]);
  await eventually(() => expect(new Set(answered())).toEqual(new Set(["frontend", "gateway"])));
});

test("however many paths are asked for, a process shows no more series", async () => {
  const seriesOf = () => prometheus.query('sum by (job) (scrape_samples_scraped{job="frontend"})');
  const [before] = await seriesOf();
  for (let index = 0; index < 200; index += 1)
    await fetch(`${shop.system.frontendUrl}/api/made-up-${index}?q=${index}`);
  await eventually(async () =>
    expect(
      (await prometheus.query('sum(http_request_duration_seconds_count{job="frontend",status="404"})'))[0]?.value,
    ).toBeGreaterThanOrEqual(200),
  );
  const [after] = await seriesOf();
  expect(after?.value).toBeLessThan((before?.value ?? 0) + 50);
  for (const { value } of await prometheus.query("scrape_samples_scraped")) expect(value).toBeLessThan(3_000);
});

test("the first dead letter rings", async () => {
  const ringing = () => prometheus.query('ALERTS{alertname="DeadLetters",alertstate="firing"}');
  expect(await ringing()).toEqual([]);
  await publish(shop, "delivery.commands", [{ key: "made up", value: "no JSON" }]);
  await eventually(async () => expect((await ringing()).map(({ metric }) => metric["job"])).toEqual(["delivery"]));
});
