import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "@shop/testing/eventually";
import { unusedPort } from "@shop/testing/ports";

const FOLDER = join(import.meta.dir, "../../deploy/observability");

/** One series of an instant query's answer. */
export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A real Prometheus, with the alerts of `deploy/observability`. */
export interface Prometheus {
  /** The answer to a PromQL expression now; an alert that fires is a series of `ALERTS`. */
  query(expression: string): Promise<readonly Series[]>;
  /** Why targets cannot be scraped, empty when all can. */
  scrapeErrors(): Promise<readonly string[]>;
  stop(): Promise<void>;
}

type Answer<Data> =
  | { readonly status: "success"; readonly data: Data }
  | { readonly status: "error"; readonly error: string };

/**
 * Starts the `prometheus` of this machine. It asks each target once a second.
 * @param targets by job the management addresses of a service's processes, such as `http://127.0.0.1:9002`
 */
export async function startPrometheus(targets: ReadonlyMap<string, readonly string[]>): Promise<Prometheus> {
  const folder = await mkdtemp(join(tmpdir(), "prometheus-"));
  const port = await unusedPort();
  const settings = {
    global: { scrape_interval: "1s", scrape_timeout: "1s", evaluation_interval: "1s" },
    rule_files: [join(FOLDER, "alerts.yml")],
    scrape_configs: [...targets].map(([job, urls]) => ({
      job_name: job,
      static_configs: [{ targets: urls.map((url) => new URL(url).host) }],
    })),
  };
  await Bun.write(join(folder, "prometheus.yml"), JSON.stringify(settings));
  const process = Bun.spawn(
    [
      ...[
        "prometheus",
        `--config.file=${join(folder, "prometheus.yml")}`,
        `--storage.tsdb.path=${join(folder, "data")}`,
      ],
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdout: "ignore", stderr: Bun.file(join(folder, "log")) },
  );

  async function ask<Data>(path: string): Promise<Data> {
    if (process.exitCode !== null) throw new Error(await Bun.file(join(folder, "log")).text());
    const answer = (await (await fetch(`http://127.0.0.1:${port}/api/v1/${path}`)).json()) as Answer<Data>;
    if (answer.status === "error") throw new Error(`${path}: ${answer.error}`);
    return answer.data;
  }
  await eventually(() => ask("status/buildinfo"));

  return {
    async query(expression) {
      const { result } = await ask<{
        readonly result: readonly {
          readonly metric: Record<string, string>;
          readonly value: readonly [number, string];
        }[];
      }>(`query?query=${encodeURIComponent(expression)}`);
      return result.map(({ metric, value: [, value] }) => ({ metric, value: Number(value) }));
    },
    async scrapeErrors() {
      const { activeTargets } = await ask<{
        readonly activeTargets: readonly {
          readonly health: string;
          readonly lastError: string;
          readonly scrapeUrl: string;
        }[];
      }>("targets");
      return activeTargets.flatMap(({ health, lastError, scrapeUrl }) =>
        health === "up" ? [] : [`${scrapeUrl}: ${health} ${lastError}`],
      );
    },
    async stop() {
      process.kill();
      await process.exited;
      await rm(folder, { recursive: true });
    },
  };
}
