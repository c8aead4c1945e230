import { hostname } from "node:os";
import { afterEach, beforeEach, expect, spyOn, test } from "bun:test";
import type { Database } from "@shop/database/connect";
import { eventually } from "@shop/testing/eventually";
import { testKafkaBrokers } from "@shop/testing/infrastructure";
import { type Admin, Kafka, logLevel } from "kafkajs";
import { effects } from "../../testing/node.ts";
import { createNodes, type Nodes } from "../../testing/nodes.ts";

const HOUR_MS = 3_600_000;
const KEY = "01900000-0000-7000-8000-000000000001";

let nodes: Nodes;
let db: Database;
let prefix: string;
let start: Nodes["start"];
let admin: Admin;

beforeEach(async () => {
  nodes = await createNodes();
  ({ db, prefix, start } = nodes);
  admin = new Kafka({ brokers: (await testKafkaBrokers()).split(","), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
});
afterEach(async () => {
  await admin.disconnect();
  await nodes.stop();
});

const untilApplied = (count: number) => eventually(async () => expect(await effects(db)).toHaveLength(count));

const members = async () => (await admin.describeGroups([`${prefix}node`])).groups.flatMap((group) => group.members);

/** How many messages the group has committed as handled. */
async function committed(): Promise<number> {
  const [topic] = await admin.fetchOffsets({ groupId: `${prefix}node`, topics: [`${prefix}product.commands`] });
  return (topic?.partitions ?? []).reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0);
}

/** Another process in the same group, for a minute if nobody takes it out. */
async function otherProcess() {
  const child = Bun.spawn({
    cmd: [
      "bun",
      `${import.meta.dir}/../../testing/member.ts`,
      `${prefix}node`,
      `${prefix}product.commands`,
      await testKafkaBrokers(),
    ],
    stdout: "pipe",
  });
  await child.stdout.getReader().read();
  return child;
}

test.each([
  ["back", -HOUR_MS],
  ["forward", HOUR_MS],
])(
  "a process whose clock steps an hour %s stays in its group and goes on to handle and to commit",
  async (_way, byMs) => {
    const node = await start();
    await node.send([KEY], [1]);
    await untilApplied(1);
    const [before] = await members();
    const now = Date.now;
    const stepped = spyOn(Date, "now").mockImplementation(() => now() + byMs);
    try {
      // Longer than a member may be silent (6 s), so that one which sends no heartbeats is out of the group by then.
      await Bun.sleep(9_000);
      await node.send([KEY], [2]);
      await untilApplied(2);
      await eventually(async () => expect(await committed()).toBe(2));
      expect((await members()).map(({ memberId }) => memberId)).toEqual([String(before?.memberId)]);
    } finally {
      stepped.mockRestore();
    }
  },
  120_000,
);

test("a process that was killed leaves no place in the group: the next one on its machine does not wait for its session to end", async () => {
  const first = await start();
  await first.send([KEY], [1]);
  await untilApplied(1);
  const killed = await otherProcess();
  await first.stop();
  nodes.running.splice(0);
  killed.kill("SIGKILL");
  await killed.exited;
  expect(await members()).toHaveLength(1);
  const next = await start({ instance: { host: hostname(), pid: process.pid } });
  await next.send([KEY], [2]);
  // The dead one's session would last a minute.
  await untilApplied(2);
}, 120_000);

test("a live process of the same machine keeps its place in the group", async () => {
  const first = await start();
  await first.send([KEY], [1]);
  await untilApplied(1);
  await first.stop();
  nodes.running.splice(0);
  const other = await otherProcess();
  const [before] = await members();
  await start({ instance: { host: hostname(), pid: process.pid } });
  await eventually(async () => expect(await members()).toHaveLength(2));
  expect((await members()).map(({ memberId }) => memberId)).toContain(String(before?.memberId));
  other.kill("SIGKILL");
  await other.exited;
}, 120_000);
