import { join } from "node:path";
import { expect, test } from "bun:test";
import { REPOSITORY } from "./repository.ts";

const FOLDER = join(REPOSITORY, "deploy/observability");
/** Prometheus' own words, and the labels of ours, beside which stand the names of metrics. */
const WORDS = new Set(["max", "sum", "by", "rate", "increase", "or", "up", "time", "job", "status"]);

async function shownByProcesses(): Promise<ReadonlySet<string>> {
  const paths = await Array.fromAsync(new Bun.Glob("{shared,services}/*/src/**/*.ts").scan(REPOSITORY));
  const sources = await Promise.all(
    paths.filter((path) => !path.includes(".test.")).map((path) => Bun.file(join(REPOSITORY, path)).text()),
  );
  return new Set(sources.flatMap((source) => Array.from(source.matchAll(/"([a-z_]+)"/g), ([, name]) => String(name))));
}

function metricsIn(expressions: readonly string[]): readonly string[] {
  const words = expressions.flatMap(
    (expression) => expression.replace(/"[^"]*"|\[[^\]]*\]/g, "").match(/[a-z_]+/g) ?? [],
  );
  return words.filter((word) => !WORDS.has(word)).map((word) => word.replace(/_(count|sum|bucket)$/, ""));
}

test("the alerts and the dashboard ask for metrics that processes show", async () => {
  const shown = await shownByProcesses();
  const alerts = await Bun.file(join(FOLDER, "alerts.yml")).text();
  const dashboard: { readonly panels: readonly { readonly targets: readonly { readonly expr: string }[] }[] } =
    await Bun.file(join(FOLDER, "grafana/dashboards/shop.json")).json();
  const asked = metricsIn([
    ...Array.from(alerts.matchAll(/^ +expr: (.*)$/gm), ([, expression]) => String(expression)),
    ...dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
  ]);
  expect(shown.size).toBeGreaterThan(100);
  expect(dashboard.panels.length).toBeGreaterThan(10);
  expect(new Set(asked).size).toBeGreaterThan(12);
  expect(asked).toContain("sagas_stuck");
  expect([...new Set(asked)].filter((name) => !shown.has(name))).toEqual([]);
});

test("Prometheus asks the management port of every service", async () => {
  const { scrape_configs: jobs } = Bun.YAML.parse(await Bun.file(join(FOLDER, "prometheus.yml")).text()) as {
    readonly scrape_configs: readonly {
      readonly job_name: string;
      readonly dns_sd_configs: readonly [{ readonly names: readonly string[]; readonly port: number }];
    }[];
  };
  const compose = Bun.YAML.parse(await Bun.file(join(REPOSITORY, "compose.yaml")).text()) as {
    readonly services: Readonly<Record<string, { readonly environment?: { readonly MANAGEMENT_PORT?: number } }>>;
  };
  const ports = Object.entries(compose.services).flatMap(([name, { environment }]) =>
    environment?.MANAGEMENT_PORT === undefined ? [] : [[name, environment.MANAGEMENT_PORT] as const],
  );
  const asked = jobs.map(({ dns_sd_configs: [{ names, port }] }) => [names.join(), port] as const);
  expect(ports.length).toBeGreaterThan(6);
  expect(new Map(asked)).toEqual(new Map(ports));
});
