import { afterEach, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "@shop/testing/eventually";
import { freePort } from "./free-port.ts";
import { createSupervisor, type ProcessSpec, type Supervisor, type SupervisorOptions } from "./supervisor.ts";

let supervisor: Supervisor | undefined;
afterEach(async () => {
  await supervisor?.stopAll();
  supervisor = undefined;
});

function supervise(options: SupervisorOptions = {}): Supervisor {
  supervisor = createSupervisor({ stopTimeoutMs: 3_000, ...options });
  return supervisor;
}

const script = (name: string, code: string, more: Partial<ProcessSpec> = {}): ProcessSpec => ({
  name,
  command: [process.execPath, "-e", code],
  environment: process.env,
  ...more,
});

const stays = "console.log('up'); setInterval(() => {}, 1000);";

async function server(name: string, answer: string): Promise<ProcessSpec & { readonly readyUrl: string }> {
  const port = await freePort();
  return {
    ...script(name, `Bun.serve({ port: ${port}, fetch: () => ${answer} })`),
    readyUrl: `http://127.0.0.1:${port}/readyz`,
  };
}

test("a start resolves when the process answers that it is ready", async () => {
  const spec = await server("late", "new Response('', { status: performance.now() > 200 ? 200 : 503 })");
  await supervise().start([spec]);
  expect((await fetch(spec.readyUrl)).status).toBe(200);
});

test("a process that dies before it is ready fails the start with its last words", async () => {
  const spec = {
    ...script("broken", "console.error('no database'); process.exit(3)"),
    readyUrl: "http://127.0.0.1:9/readyz",
  };
  await expect(supervise().start([spec])).rejects.toThrow(
    /broken ended with code 3 before it was ready[^]*no database/,
  );
});

test("a process that is never ready fails the start with its answer and its last words", async () => {
  const spec = await server(
    "waiting",
    "(console.log('still waiting'), new Response('kafka is away', { status: 503 }))",
  );
  await expect(supervise().start([{ ...spec, readyWithinMs: 5_000 }])).rejects.toThrow(
    /not ready within 5 s[^]*503: kafka is away[^]*still waiting/,
  );
});

test("a process that ignores SIGTERM is killed when its time is up", async () => {
  const lines: string[] = [];
  const supervising = supervise({ onLine: (name, line) => lines.push(`${name}: ${line}`) });
  await supervising.start([script("stubborn", `process.on('SIGTERM', () => console.log('no')); ${stays}`)]);
  await eventually(() => expect(lines).toContain("stubborn: up"));
  await supervising.stopAll();
  expect(lines).toContain("stubborn: no");
  expect(supervising.pids().size).toBe(0);
});

test("a paused process can be stopped in order", async () => {
  const lines: string[] = [];
  const supervising = supervise({ stopTimeoutMs: 60_000, onLine: (_name, line) => lines.push(line) });
  await supervising.start([
    script("paused", `process.on('SIGTERM', () => { console.log('finished'); process.exit(0) }); ${stays}`),
  ]);
  await eventually(() => expect(lines).toContain("up"));
  await supervising.kill("paused", "SIGSTOP");
  await supervising.stopAll();
  expect(lines).toContain("finished");
});

test("those of a higher tier have ended before the lower ones are told to", async () => {
  const ended: string[] = [];
  const onTerm = "process.on('SIGTERM', () => setTimeout(() => { console.log('ended'); process.exit(0) }, 100));";
  const supervising = supervise({ stopTimeoutMs: 60_000, onLine: (name, line) => ended.push(`${name} ${line}`) });
  await supervising.start(["order", "gateway", "frontend"].map((name, tier) => script(name, onTerm + stays, { tier })));
  await eventually(() => expect(ended).toHaveLength(3));
  await supervising.stopAll();
  expect(ended.slice(3)).toEqual(["frontend ended", "gateway ended", "order ended"]);
});

test("a restart after a kill brings back a new process at the same address", async () => {
  const supervising = supervise();
  const spec = await server("order", "new Response(String(process.pid))");
  await supervising.start([spec]);
  const before = supervising.pids().get("order");
  await supervising.kill("order");
  expect(supervising.pids().get("order")).toBeUndefined();
  await supervising.restart("order");
  expect(supervising.pids().get("order")).not.toBe(before);
  expect(await (await fetch(spec.readyUrl)).text()).toBe(String(supervising.pids().get("order")));
});

test("an end that nobody asked for is told, one that was asked for is not", async () => {
  const ended: string[] = [];
  const supervising = supervise({ onUnexpectedExit: (name, exit) => ended.push(`${name} ${exit.code}`) });
  await supervising.start([script("killed", stays), script("crashed", "setTimeout(() => process.exit(7), 50)")]);
  await supervising.kill("killed");
  await eventually(() => expect(ended).toEqual(["crashed 7"]));
});

test("a process that is killed from outside is started again, after ever longer pauses while it does not stay", async () => {
  const told: string[] = [];
  const supervising = supervise({
    onUnexpectedExit: (name, { signal, code }) => told.push(`${name} ${signal ?? code}`),
    restarts: {
      ...{ firstMs: 10, maxMs: 20, stableMs: 60_000 },
      onPause: (_name, pauseMs) => told.push(`${pauseMs} ms`),
      onReady: () => told.push("ready"),
    },
  });
  const spec = await server("order", "new Response(String(process.pid))");
  await supervising.start([spec]);
  for (let times = 1; times <= 3; times += 1) {
    process.kill(supervising.pids().get("order") ?? 0, "SIGKILL");
    await eventually(() => expect(told.filter((line) => line === "ready")).toHaveLength(times));
  }
  expect(told).toEqual(["10", "20", "20"].flatMap((ms) => ["order SIGKILL", `${ms} ms`, "ready"]));
  expect(await (await fetch(spec.readyUrl)).text()).toBe(String(supervising.pids().get("order")));
  await supervising.kill("order");
  await Bun.sleep(0);
  expect(told).toHaveLength(9);
});

test("a restart that fails is repeated until it succeeds, and what was wrong is told", async () => {
  const failures: string[] = [];
  const ready = Promise.withResolvers<string>();
  const folder = await mkdtemp(join(tmpdir(), "restart-"));
  const allowed = join(folder, "allowed");
  await Bun.write(allowed, "");
  const spec = await server("order", "new Response()");
  const [program, flag, code] = spec.command;
  const guarded = `if (!(await Bun.file(${JSON.stringify(allowed)}).exists())) throw new Error("no migration"); ${code}`;
  const supervising = supervise({
    restarts: {
      ...{ firstMs: 10, maxMs: 10, stableMs: 60_000 },
      onFailure: (_name, { message }) => failures.push(message),
      onReady: ready.resolve,
    },
  });
  await supervising.start([{ ...spec, command: [program, flag ?? "", guarded] }]);
  await rm(allowed);
  await expect(supervising.restart("order")).rejects.toThrow("no migration");
  await eventually(() => expect(failures.length).toBeGreaterThan(1));
  expect(failures[0]).toContain("no migration");
  await Bun.write(allowed, "");
  expect(await ready.promise).toBe("order");
  await rm(folder, { recursive: true });
});

test("a process counts as ready when its answer says that it lacks nothing", async () => {
  const spec = await server("order", "new Response(performance.now() > 200 ? 'ok' : 'no broker')");
  const answers = new Set<string>();
  const lacks = async (answer: Response) => {
    const text = await answer.text();
    answers.add(text);
    return text === "ok" ? undefined : text;
  };
  await supervise().start([{ ...spec, lacks }]);
  expect([...answers].at(-1)).toBe("ok");
});
