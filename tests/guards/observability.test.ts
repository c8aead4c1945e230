import { basename, join } from "node:path";
import { describe, expect, test } from "bun:test";
import { prometheusRule } from "./monitoring/prometheus-rule.ts";
import { REPOSITORY } from "./repository.ts";

const FOLDER = join(REPOSITORY, "deploy/observability");
/** Prometheus' own words, beside which stand the names of metrics, and metrics of its own and of prom-client. */
const WORDS = new Set(
  "absent and by clamp_min count deriv histogram_quantile increase label_replace max min on or rate sum time topk unless without bool up ignoring group_left".split(
    " ",
  ),
);
const OF_LIBRARIES = /^(process|nodejs)_/;

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}
interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly panels: readonly { readonly title: string; readonly targets?: readonly { readonly expr: string }[] }[];
}
interface RuleTests {
  readonly tests: readonly {
    readonly promql_expr_test: readonly { readonly expr: string; readonly exp_samples: readonly unknown[] }[];
  }[];
}

const yaml = async <Content>(path: string) => Bun.YAML.parse(await Bun.file(join(FOLDER, path)).text()) as Content;
const { groups } = await yaml<{ readonly groups: readonly { readonly rules: readonly Rule[] }[] }>("alerts.yml");
const rules = groups.flatMap((group) => group.rules);
const alerts = [...new Set(rules.flatMap(({ alert }) => alert ?? []))];
const { scrape_configs: jobs } = await yaml<{
  readonly scrape_configs: readonly {
    readonly job_name: string;
    readonly dns_sd_configs: readonly [{ readonly names: readonly string[]; readonly port: number }];
  }[];
}>("prometheus.yml");
const dashboards: readonly Dashboard[] = await Promise.all(
  (await Array.fromAsync(new Bun.Glob("grafana/dashboards/*.json").scan(FOLDER))).map((path) =>
    Bun.file(join(FOLDER, path)).json(),
  ),
);

/** The names of metrics that processes define. @param defined what stands before a name */
async function shownByProcesses(defined = /\bname: "([a-z_]+)"/g): Promise<ReadonlySet<string>> {
  const paths = await Array.fromAsync(new Bun.Glob("{shared,services}/*/src/**/*.ts").scan(REPOSITORY));
  const sources = await Promise.all(
    paths.filter((path) => !path.includes(".test.")).map((path) => Bun.file(join(REPOSITORY, path)).text()),
  );
  return new Set(sources.flatMap((source) => Array.from(source.matchAll(defined), ([, name]) => String(name))));
}

function metricsIn(expressions: readonly string[]): readonly string[] {
  const words = expressions.flatMap(
    (expression) =>
      expression
        .replace(/"[^"]*"|\{[^}]*\}|\[[^\]]*\]|\b(?:by|without|on|ignoring|group_left) *\([^)]*\)/g, "")
        .match(/[a-z_][\w:]*/g) ?? [],
  );
  const recorded = new Set(rules.flatMap(({ record }) => record ?? []));
  return words
    .filter((word) => !WORDS.has(word) && !recorded.has(word) && !OF_LIBRARIES.test(word))
    .map((word) => word.replace(/_(count|sum|bucket)$/, ""));
}

test("the alerts and the dashboards ask for metrics that processes show", async () => {
  const shown = await shownByProcesses();
  const asked = new Set(
    metricsIn([
      ...rules.map(({ expr }) => expr),
      ...dashboards.flatMap(({ panels }) => panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))),
    ]),
  );
  expect(shown.size).toBeGreaterThan(40);
  expect(asked.size).toBeGreaterThan(15);
  expect([...asked]).toContain("sagas_stuck");
  expect([...asked].filter((name) => !shown.has(name))).toEqual([]);
});

test("each alert has a severity, a summary and a page in docs/runbooks, and each page has an alert", async () => {
  const pages = await Array.fromAsync(new Bun.Glob("docs/runbooks/*.md").scan(REPOSITORY));
  expect(alerts.length).toBeGreaterThan(12);
  expect(pages.map((page) => basename(page, ".md")).toSorted()).toEqual(alerts.toSorted());
  for (const { alert, labels, annotations } of rules.filter((rule) => rule.alert !== undefined)) {
    expect(annotations?.["runbook_url"]).toBe(`{{ $externalLabels.runbooks }}/${alert}.md`);
    expect(["critical", "warning"]).toContain(labels?.["severity"] ?? "none");
    expect(annotations?.["summary"]).toBeString();
  }
});

test("each page of docs/runbooks says what an alert means, what to look at first, how to mend it and how to verify that", async () => {
  for (const name of alerts) {
    const page = await Bun.file(join(REPOSITORY, "docs/runbooks", `${name}.md`)).text();
    expect(page.match(/^#+ .*$/gm)).toEqual([`# ${name}`, "## What it means", "## First look", "## Mend", "## Verify"]);
  }
});

test("what a runbook names in capitals, such as an event of the log, is explained elsewhere", async () => {
  const explained = (
    await Promise.all(
      ["docs/failure-modes.md", "docs/configuration.md"].map((path) => Bun.file(join(REPOSITORY, path)).text()),
    )
  ).join("\n");
  const pages = await Promise.all(
    alerts.map((name) => Bun.file(join(REPOSITORY, "docs/runbooks", `${name}.md`)).text()),
  );
  const named = pages.flatMap((page) =>
    Array.from(page.matchAll(/`([A-Z]+(?:_[A-Z]+)+)[`:=]/g), ([, name]) => String(name)),
  );
  expect(named.length).toBeGreaterThan(20);
  expect([...new Set(named)].filter((name) => !explained.includes(name))).toEqual([]);
});

test("each alert is played silent and firing", async () => {
  const files = await Array.fromAsync(new Bun.Glob("*.test.yml").scan(FOLDER));
  const tests = await Promise.all(files.map((file) => yaml<RuleTests>(file)));
  const played = tests.flatMap((file) => file.tests).flatMap(({ promql_expr_test }) => promql_expr_test);
  for (const name of alerts) {
    const own = played.filter(({ expr }) => expr.includes(`alertname="${name}"`));
    expect([name, own.some(({ exp_samples }) => exp_samples.length > 0)]).toEqual([name, true]);
    expect([name, own.some(({ exp_samples }) => exp_samples.length === 0)]).toEqual([name, true]);
  }
});

test("Prometheus asks the management port of every service, and a service that it finds nowhere is down", async () => {
  const compose = Bun.YAML.parse(await Bun.file(join(REPOSITORY, "compose.yaml")).text()) as {
    readonly services: Readonly<Record<string, { readonly environment?: { readonly MANAGEMENT_PORT?: number } }>>;
  };
  const ports = Object.entries(compose.services).flatMap(([name, { environment }]) =>
    environment?.MANAGEMENT_PORT === undefined ? [] : [[name, environment.MANAGEMENT_PORT] as const],
  );
  const asked = jobs.map(({ dns_sd_configs: [{ names, port }] }) => [names.join(), port] as const);
  expect(ports.length).toBeGreaterThan(6);
  expect(new Map(asked)).toEqual(new Map(ports));
  const serviceDown = rules.find(({ alert }) => alert === "ServiceDown")?.expr ?? "";
  const expected = Array.from(serviceDown.matchAll(/absent\(up\{job="([a-z]+)"\}\)/g), ([, job]) => String(job));
  expect(expected.toSorted()).toEqual(jobs.map(({ job_name: name }) => name).toSorted());
});

test("each metric is told of in docs/operations.md, and what documents name as a metric is one", async () => {
  const shown = await shownByProcesses();
  const operations = await Bun.file(join(REPOSITORY, "docs/operations.md")).text();
  const metrics = [...shown].filter((name) =>
    /_(total|seconds|messages|records|info|flight)$|^sagas|^books_|^database_/.test(name),
  );
  expect(metrics.length).toBeGreaterThan(40);
  expect(metrics.filter((name) => !operations.includes(`\`${name}\``))).toEqual([]);
  const paths = await Array.fromAsync(new Bun.Glob("docs/**/*.md").scan(REPOSITORY));
  const documents = await Promise.all(paths.map((path) => Bun.file(join(REPOSITORY, path)).text()));
  const named = documents.flatMap((text) =>
    Array.from(text.matchAll(/`([a-z]+(?:_[a-z]+)+_(?:total|seconds))(?:\{[^`]*\})?`/g), ([, name]) => String(name)),
  );
  expect(named.length).toBeGreaterThan(40);
  const tables = await shownByProcesses(/\bpgTable\(\s*"([a-z_]+)"/g);
  const known = (name: string) => shown.has(name) || tables.has(name) || OF_LIBRARIES.test(name);
  expect([...new Set(named)].filter((name) => !known(name))).toEqual([]);
});

describe("for the Prometheus Operator", () => {
  const COMPONENT = join(REPOSITORY, "deploy/kubernetes/components/monitoring");

  test("the alerts are those of alerts.yml: `bun run generate:alerts` writes them", async () => {
    const written = await Bun.file(join(COMPONENT, "prometheus-rule.yaml")).text();
    expect(written).toBe(prometheusRule(await Bun.file(join(FOLDER, "alerts.yml")).text()));
    expect(Bun.YAML.parse(written)).toMatchObject({ kind: "PrometheusRule", spec: { groups } });
  });

  test("metrics are read as often, and given up as soon, as by prometheus.yml", async () => {
    const { global } = await yaml<{ readonly global: Readonly<Record<string, unknown>> }>("prometheus.yml");
    const monitor = Bun.YAML.parse(await Bun.file(join(COMPONENT, "pod-monitor.yaml")).text());
    const { scrape_interval: interval, scrape_timeout: scrapeTimeout } = global;
    expect(monitor).toMatchObject({ spec: { podMetricsEndpoints: [{ interval, scrapeTimeout }] } });
  });
});
