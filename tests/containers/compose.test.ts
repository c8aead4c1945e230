import { afterAll, beforeAll, expect, test } from "bun:test";
import { serviceNames } from "@shop/contracts/services";
import { connect, type Socket } from "node:net";
import { freePort } from "@shop/local/free-port";
import { eventually } from "@shop/testing/eventually";
import postgres from "postgres";
import { depthsOf } from "../support/composed-depths.ts";
import { type ComposedShop, openComposedShop } from "../support/composed-shop.ts";
import { composeProject, type Container, docker, serviceOf } from "../support/compose-project.ts";
import { composedTrial } from "../support/composed-trial.ts";
import { injectContainerFaults } from "./faults.ts";

const project = composeProject({
  name: "order-delivery-test",
  port: await freePort(),
});
const { compose, containers } = project;
let shop: ComposedShop;

beforeAll(async () => {
  shop = await openComposedShop(project, { withinMs: 90_000 });
}, 1_200_000);
afterAll(async () => {
  await compose("down", "--volumes", "--timeout", "15");
}, 240_000);

test("the journey through load balancer, frontend and gateway: log in, order, delivery, COMPLETE", async () => {
  await shop.complete(await shop.waitingOrder());
}, 240_000);

test("every container is read-only, without root, without capabilities and within a limit of memory", async () => {
  const all = await containers();
  expect(new Set(all.map(serviceOf)).size).toBe(20);
  const lax = all.filter(({ Config: { User }, HostConfig: host }) => {
    const strict =
      host.ReadonlyRootfs &&
      !host.Privileged &&
      (host.CapAdd ?? []).length === 0 &&
      host.CapDrop?.join() === "ALL" &&
      host.SecurityOpt?.includes("no-new-privileges:true") === true &&
      host.Memory > 0;
    return !strict || ["", "0", "root"].includes(User.split(":")[0] ?? "");
  });
  expect(lax.map(serviceOf)).toEqual([]);
});

test("one source that holds 1,000 connections open at the load balancer gets no more, and the others are served", async () => {
  const sockets: Socket[] = [];
  let refused = 0;
  const { hostname, port } = new URL(project.url);
  try {
    for (let count = 0; count < 1_100; count += 1) {
      const socket = connect(Number(port), hostname);
      sockets.push(socket);
      // One that says nothing lives for 10 s: the frontend ends it then. What is closed before was refused.
      const openedAt = performance.now();
      socket.once("close", () => (refused += performance.now() - openedAt < 5_000 ? 1 : 0));
      socket.on("error", () => undefined);
      await new Promise((resolve) => socket.once("connect", resolve).once("close", resolve));
    }
    await eventually(() => expect(refused).toBeGreaterThanOrEqual(50));
    expect(refused).toBeLessThan(400);
    await docker([
      "exec",
      project.nameOf("frontend"),
      "bun",
      "-e",
      'if (!(await fetch("http://nlb:8080/")).ok) throw 1',
    ]);
  } finally {
    for (const socket of sockets) socket.destroy();
  }
  await eventually(async () => expect((await fetch(project.url)).status).toBe(200));
}, 240_000);

test("only the load balancer is published", async () => {
  const published = (await containers()).filter(({ NetworkSettings: { Ports } }) =>
    Object.values(Ports).some((bindings) => (bindings ?? []).length > 0),
  );
  expect(published.map(serviceOf)).toEqual(["nlb"]);
});

test("a database is reached by its own service and its migration, and by nothing else", async () => {
  const members = Map.groupBy(
    (await containers()).flatMap((container) =>
      Object.keys(container.NetworkSettings.Networks).map((network) => ({ network, service: serviceOf(container) })),
    ),
    ({ network }) => network.replace(/^.*?_/, ""),
  );
  for (const owner of serviceNames) {
    const names = new Set(members.get(`${owner}-db`)?.map(({ service }) => service));
    expect(names).toEqual(new Set([owner, `${owner}-db`, `${owner}-migration`]));
  }
  const [product] = (await containers()).filter((container) => serviceOf(container) === "product");
  const tryFrom = (host: string) =>
    docker([
      ...["exec", product?.Id ?? "", "bun", "-e"],
      `await Bun.connect({ hostname: "${host}", port: 5432, socket: { data() {} } }); process.exit(0)`,
    ]);
  await tryFrom("product-db");
  await expect(tryFrom("order-db")).rejects.toThrow();
});

test("each migration ran as a step of its own and ended well before its service began", async () => {
  const migrations = (await containers()).filter((container) => serviceOf(container).endsWith("-migration"));
  const outcome = ({ State: { Status, ExitCode } }: Container) => `${Status} ${ExitCode}`;
  expect(migrations.map(outcome)).toEqual(serviceNames.map(() => "exited 0"));
});

test("a service started as production refuses the passwords of compose.yaml, demo data and cookies over http, with a sentence", async () => {
  const starts = serviceNames.map(async (service) => {
    const start = compose("run", "--rm", "--no-deps", "-e", "ENVIRONMENT=production", service);
    await expect(start).rejects.toThrow("has a password of development in production");
    await expect(start).rejects.toThrow("SEED_DEMO_DATA is true in production");
  });
  await Promise.all(starts);
  const overHttp = ["-e", "ENVIRONMENT=production", "-e", "COOKIES_SECURE=false"];
  await expect(compose("run", "--rm", "--no-deps", ...overHttp, "frontend")).rejects.toThrow(
    "COOKIES_SECURE is false in production",
  );
}, 240_000);

test("a process that ends by itself is started again by the engine", async () => {
  const name = project.nameOf("delivery");
  const startedAt = () => docker(["inspect", "--format", "{{.State.StartedAt}}", name]);
  const before = await startedAt();
  await docker(["exec", name, "bun", "-e", 'process.kill(1, "SIGTERM")']);
  await eventually(async () => expect(await startedAt()).not.toBe(before), { pauseMs: 200 });
  await project.compose("up", "--detach", "--wait", "--no-recreate");
}, 240_000);

test("what a slow health check leaves behind does not end the sessions of a database when it is killed", async () => {
  const { databaseUrls } = await depthsOf(project);
  const session = postgres(databaseUrls.get("user") ?? "", { max: 1 });
  const backend = async () => (await session<{ pid: number }[]>`select pg_backend_pid() as pid`)[0]?.pid;
  try {
    const before = await backend();
    const leftBehind = "sh -c 'sleep 0.5; kill -9 $$' > /dev/null 2>&1 &";
    await docker(["exec", project.nameOf("user-db"), "sh", "-c", leftBehind]);
    // The first thing that a server does which believes that it is damaged is to end its sessions.
    // Six times as long as what was left behind lives.
    for (const until = performance.now() + 3_000; performance.now() < until;) expect(await backend()).toBe(before);
  } finally {
    await session.end({ timeout: 2 });
  }
}, 240_000);

test("containers killed, paused, cut off from their database and scaled under load: every rule is kept", async () => {
  const verdict = await composedTrial(project, {
    injectFaults: () => injectContainerFaults(project),
    seed: 1,
    habits: { ordersPerSecond: 8, inFlight: 16 },
  });
  expect([...verdict.breaches.map(({ rule, orderId, text }) => `${rule} ${orderId ?? ""} ${text}`)]).toEqual([]);
  expect(verdict.failures).toEqual([]);
}, 900_000);
