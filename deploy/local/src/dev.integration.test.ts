import { afterAll, beforeAll, expect, test } from "bun:test";
import { utimes } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { eventually } from "@shop/testing/eventually";
import { testKafkaBrokers } from "@shop/testing/infrastructure";
import { uniqueTopicPrefix } from "@shop/testing/topics";
import { type GuardedProcess, startGuarded } from "./guarded-process.ts";
import { requireServicePorts, servicePorts } from "./service-ports.ts";
import { familyOf } from "./testing/processes.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const HANGS = { deadlineMs: 150_000 };

let dev: GuardedProcess;
let offset: string;
const lines: string[] = [];

function startDev(
  settings: Readonly<Record<string, string>>,
  onLine: (line: string) => void,
  program: "dev" | "demo" = "dev",
): Promise<GuardedProcess> {
  return startGuarded({
    command: [process.execPath, join(ROOT, `deploy/local/src/${program}.ts`)],
    environment: { ...process.env, ...settings },
    cwd: ROOT,
    onLine,
  });
}

/** One with which all ports are free, below those that other tests are given. */
async function freeOffset(): Promise<string> {
  for (let attempt = 0; ; attempt += 1) {
    const chosen = String(1_100 + Math.floor(Math.random() * 4_800));
    try {
      await requireServicePorts(servicePorts({ PORT_OFFSET: chosen }));
      return chosen;
    } catch (error) {
      if (attempt === 20) throw error;
    }
  }
}

async function pidOf(service: string): Promise<number> {
  const family = await familyOf(dev.pid, "no other process");
  const found = family.find(({ command }) => command.includes(`services/${service}/src/main.ts`));
  if (found === undefined) throw new Error(`${service} does not run`);
  return found.pid;
}

beforeAll(async () => {
  offset = await freeOffset();
  const settings = { PORT_OFFSET: offset, TOPIC_PREFIX: uniqueTopicPrefix(), KAFKA_BROKERS: await testKafkaBrokers() };
  dev = await startDev(settings, (line) => lines.push(line));
  await eventually(() => expect(lines).toContain("Ctrl-C stops everything."), HANGS);
}, 180_000);
afterAll(async () => {
  await dev.stop("SIGINT", 30_000);
}, 60_000);

test("an ordinary start tells its steps and warns of nothing, and the addresses come last", () => {
  expect(lines.slice(0, 4)).toEqual([
    "Starting PostgreSQL",
    "Starting 7 service processes",
    "",
    "The system is ready and reloads when a file or a migration changes.",
  ]);
  const ready = lines.slice(0, lines.indexOf("Ctrl-C stops everything."));
  expect(ready.join("\n")).toContain(`http://127.0.0.1:${8_080 + Number(offset)}`);
  expect(ready.filter((line) => line.includes('"level"'))).toEqual([]);
});

test("a service that is killed is started again, which is said", async () => {
  const before = await pidOf("product");
  process.kill(before, "SIGKILL");
  await eventually(() => expect(lines).toContain("The process product is ready again."), HANGS);
  expect(lines).toContain("The process product was ended by SIGKILL.");
  expect(lines).toContain("The process product starts again in 0.5 s.");
  expect(await pidOf("product")).not.toBe(before);
}, 180_000);

test("a migration that changes starts its service again", async () => {
  const now = new Date();
  await utimes(join(ROOT, "services/delivery/migrations/meta/_journal.json"), now, now);
  await eventually(() => expect(lines).toContain("The process delivery is ready again."), HANGS);
  expect(lines).toContain("The migrations of delivery have changed: it starts again.");
}, 180_000);

test("ports that are in use, and a Kafka that cannot be used, are named by their settings", async () => {
  const said: string[] = [];
  const busy = await startDev({ PORT_OFFSET: offset }, (line) => said.push(line));
  expect((await busy.exited).code).toBe(1);
  const [user, management] = [8_001, 9_001].map((port) => port + Number(offset));
  expect(said.at(-1)).toContain(`Ports ${user} (user), ${management} (user's health and metrics), `);
  expect(said.at(-1)).toContain("set PORT_OFFSET");
  const free = await freeOffset();
  for (const program of ["dev", "demo"] as const) {
    const wrong = await startDev({ PORT_OFFSET: free, KAFKA_BROKERS: "nowhere" }, (line) => said.push(line), program);
    expect((await wrong.exited).code).toBe(1);
    expect(said.at(-1)).toContain("KAFKA_BROKERS=nowhere is wrong");
    const settings = { PORT_OFFSET: free, KAFKA_BROKERS: "localhost:1" };
    const away = await startDev(settings, (line) => said.push(line), program);
    await eventually(
      () => expect(said.at(-1)).toContain("Kafka cannot be reached at KAFKA_BROKERS=localhost:1"),
      HANGS,
    );
    await away.stop("SIGKILL", 30_000);
  }
  expect(said.join("\n")).not.toContain("ready");
}, 180_000);
