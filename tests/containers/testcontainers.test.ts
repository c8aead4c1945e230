import { afterAll, beforeAll, expect, test } from "bun:test";
import { type Infrastructure, startInfrastructure } from "@shop/local/infrastructure";

const root = `${import.meta.dir}/../..`;
let servers: Infrastructure;

beforeAll(async () => {
  servers = await startInfrastructure({
    environment: { ...process.env, INFRA: "testcontainers", KAFKA_BROKERS: undefined },
    databases: ["check"],
  });
}, 240_000);
afterAll(async () => {
  await servers.stop();
}, 240_000);

test("the delivery service's integration tests pass on PostgreSQL and Kafka in containers", async () => {
  const files = await Array.fromAsync(new Bun.Glob("services/delivery/**/*.integration.test.ts").scan(root));
  expect(files.length).toBeGreaterThan(0);
  const run = Bun.spawn([process.execPath, "test", "--timeout=120000", ...files.map((file) => `./${file}`)], {
    cwd: root,
    env: {
      ...process.env,
      TEST_POSTGRES_URL: servers.postgres?.url ?? "",
      TEST_KAFKA_BROKERS: servers.kafkaBrokers,
    },
    stdout: "ignore",
    stderr: "pipe",
  });
  const [said, code] = await Promise.all([new Response(run.stderr).text(), run.exited]);
  expect(code, said.slice(-4_000)).toBe(0);
  expect(said).toMatch(/^ +[1-9]\d* pass$/m);
}, 240_000);
