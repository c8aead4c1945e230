import { readFile } from "node:fs/promises";
import { eventually } from "@shop/testing/eventually";
import postgres from "postgres";
import type { Fault, Turn } from "../fault.ts";
import { tokenOf } from "../../harness/load/actors.ts";
import { type LoadClient, loadClient } from "../../harness/load/client.ts";
import { type ParticipantName, participants } from "@shop/contracts/services";
import type { Stage } from "../../harness/stage/stage.ts";

const HOUR_MS = 3_600_000;
/** Within the leeway that verifiers give. */
const TOKEN_OFF_MS = 2_000;

function setClocks({ system, clocks }: Stage, replicas: readonly string[], offsetMs: number): void {
  for (const replica of replicas) clocks.get(replica)?.set(offsetMs, system.supervisor.pids().get(replica));
}

/** Somebody who logs in now, and whose calls belong to no journal. */
async function enter({ system }: Stage, name: string, url: string): Promise<LoadClient> {
  return loadClient(name, url, await tokenOf(system.frontendUrl, name), () => undefined);
}

/** A token of a clock that is off by 2 s must do. */
async function useTokenOff(stage: Stage, turn: Turn): Promise<void> {
  const offMs = turn.pick([-TOKEN_OFF_MS, TOKEN_OFF_MS]);
  const user = stage.replicasOf("user");
  const url = stage.system.frontendUrl;
  setClocks(stage, user, offMs);
  const name = turn.pick(["customer", "customer2"]);
  const somebody = await enter(stage, name, url);
  setClocks(stage, user, 0);
  turn.did(`a token ${offMs} ms off`);
  for (const path of ["/api/users/me", "/api/orders", "/api/deliveries?limit=1"]) {
    const { status } = await somebody.call("GET", path);
    if (status !== 200) turn.broke(`a token ${offMs} ms off was answered with ${status} at ${path}`);
  }
}

export const steppedClocks: Fault = {
  number: 17,
  name: "stepped clocks",
  full: { forMs: 60_000, effects: 6 },
  what: "the clock of one service steps an hour forward or back, and to the right time again; tokens are issued by a clock that is 2 s off",
  rules: ["I1", "I2", "I3", "I8"],
  needs: { clocks: true },
  mayAnswer: [401],
  mayTimeOut: true,
  mixes: false,
  async strike(stage, turn) {
    await useTokenOff(stage, turn);
    const service = turn.pick(participants);
    const byMs = turn.pick([-HOUR_MS, HOUR_MS]);
    turn.did(`the clock of ${service} an hour ${byMs < 0 ? "back" : "forward"}`);
    setClocks(stage, stage.replicasOf(service), byMs);
    await turn.wait(turn.onMs);
    setClocks(stage, stage.replicasOf(service), 0);
  },
};

/** What a participant's handlers write. */
const STATE_OF: Readonly<Record<ParticipantName, string>> = {
  order: "orders",
  product: "reservation",
  delivery: "delivery",
  orchestrator: "saga",
};

export const slowHandler: Fault = {
  number: 22,
  name: "a handler of 60 s, a memory limit",
  full: { forMs: 90_000, effects: 2 },
  what: "what a service writes is locked for 60 s, so that its handlers take as long; then a process may not have more memory than it has",
  rules: ["I1", "I2", "I3", "I7"],
  needs: {},
  mixes: false,
  onMs: 60_000,
  missing: missingPrlimit,
  async strike(stage, turn) {
    const service = turn.pick(participants);
    const sql = postgres(stage.superuserUrl(service), { max: 1, onnotice: () => undefined });
    turn.did(`the table ${STATE_OF[service]} of ${service} locked for 60 s`);
    await sql.begin(async (tx) => {
      await tx.unsafe(`lock table ${STATE_OF[service]} in exclusive mode`);
      await turn.wait(turn.onMs);
    });
    await sql.end();
    await limitMemory(stage, turn);
  },
};

/** How long a process is waited for that may not have more memory, in milliseconds. */
const HITS_WITHIN_MS = 15_000;
/** Requests that need memory, at once; the largest that are read. */
const GREEDY = 64;
const GREEDY_BYTES = 250_000;

/** Gives a process no more memory than it has, and asks it for what needs some, until it cannot continue; then it is started again. */
async function limitMemory(stage: Stage, turn: Turn): Promise<void> {
  const { supervisor, services } = stage.system;
  const replica = turn.pick(stage.replicasOf("order"));
  const pidOf = () => supervisor.pids().get(replica);
  const pid = pidOf();
  const url = services.order.replicas.find(({ name }) => name === replica)?.url;
  if (pid === undefined || url === undefined) throw new Error(`${replica} does not run`);
  const greedy = await enter(stage, "customer", url);
  const json = { items: [], deliveryAddress: "x".repeat(GREEDY_BYTES) };
  const ask = () => greedy.call("POST", "/api/orders", { json });

  const kilobytes = Number(/VmData:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1]);
  stage.doomed.add(replica);
  await Bun.$`prlimit --pid ${pid} --data=${kilobytes * 1_024}`.quiet();
  const givesUpAt = performance.now() + HITS_WITHIN_MS;
  while (pidOf() === pid && performance.now() < givesUpAt) await Promise.all(Array.from({ length: GREEDY }, ask));
  // It may end in this very moment: then there is nothing left to lift the limit from.
  await Bun.$`prlimit --pid ${pid} --data=unlimited`.quiet().nothrow();
  const isHit = pidOf() !== pid;
  turn.did(isHit ? `${replica} has hit its memory limit` : `${replica} did with the memory that it had`, isHit ? 1 : 0);
  if (isHit) await eventually(() => fetch(url), { deadlineMs: 30_000, pauseMs: 100 });
  stage.doomed.delete(replica);
}

function missingPrlimit(): string | undefined {
  if (process.platform !== "linux") return "a memory limit for a running process is a feature of Linux";
  return Bun.which("prlimit") === null ? "prlimit (of util-linux) was not found" : undefined;
}
