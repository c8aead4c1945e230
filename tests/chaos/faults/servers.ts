import { serviceNames } from "@shop/contracts/services";
import postgres from "postgres";
import { EVERYTHING, type Fault } from "../fault.ts";
import { whyNoSmallDisk } from "../../harness/stage/small-disk.ts";
import { diskOwners } from "../../harness/stage/stage.ts";

export const postgresKilled: Fault = {
  number: 5,
  name: "PostgreSQL killed",
  full: { forMs: 120_000, effects: 20 },
  what: "PostgreSQL of one service after the other stopped at once (SIGKILL), away for 0 to 2 s",
  rules: EVERYTHING,
  needs: {},
  mixes: true,
  async strike(stage, turn) {
    while (!turn.over.aborted) {
      const owner = turn.pick(serviceNames);
      const server = stage.databases.get(owner);
      if (server === undefined) throw new Error(`${owner} has no PostgreSQL`);
      turn.did(`PostgreSQL of ${owner} killed`);
      await server.kill();
      await turn.wait(turn.random() * 2_000);
      await server.restart();
      await turn.wait(3_000);
    }
  },
};

export const backendsTerminated: Fault = {
  number: 6,
  name: "backends terminated",
  full: { forMs: 60_000, effects: 500 },
  what: "pg_terminate_backend on random backends of all databases, twenty a second",
  rules: EVERYTHING,
  needs: {},
  mixes: true,
  async strike(stage, turn) {
    const servers = serviceNames.map((owner) =>
      postgres(stage.superuserUrl(owner as "order"), { max: 1, onnotice: () => undefined }),
    );
    let count = 0;
    while (!turn.over.aborted) {
      const ended = await turn.pick(servers)`
        select from (select pg_terminate_backend(pid) as is_ended from (
          select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
          order by random() limit 1) as victims) as asked where is_ended`;
      count += ended.length;
      await turn.wait(50);
    }
    turn.did(`${count} backends terminated`, count);
    await Promise.all(servers.map((sql) => sql.end()));
  },
};

export const brokerKilled: Fault = {
  number: 8,
  name: "broker killed",
  full: { forMs: 200_000, effects: 10 },
  what: "Kafka killed (SIGKILL) and back after 1 to 10 s",
  rules: EVERYTHING,
  needs: {},
  mixes: true,
  // After each return the groups need some seconds to form again.
  offMs: 12_000,
  onMs: 1_000,
  async strike(stage, turn) {
    const awayMs = 1_000 + turn.random() * 9_000;
    turn.did(`Kafka killed for ${Math.round(awayMs)} ms`);
    await stage.kafka.kill();
    await Bun.sleep(awayMs);
    await stage.kafka.restart();
  },
};

export const brokerAway: Fault = {
  number: 9,
  name: "broker away",
  full: { forMs: 180_000, effects: 1 },
  what: "Kafka away for two minutes while orders go on, however many wait: each is still answered with 201",
  rules: ["I2", "I3", "I5", "I7", "I8"],
  needs: {},
  mixes: false,
  onMs: 120_000,
  answers: "orders are always taken",
  // Orders come at a constant rate, whatever becomes of those before.
  habits: { ordersPerSecond: 4, inFlight: Number.POSITIVE_INFINITY },
  least: { placed: 400, completed: 50, cancelled: 20 },
  async strike(stage, turn) {
    turn.did(`Kafka away for ${turn.onMs} ms`);
    await stage.kafka.kill();
    await turn.wait(turn.onMs);
    await stage.kafka.restart();
  },
};

export const kafkaWiped: Fault = {
  number: 21,
  name: "Kafka wiped",
  full: { forMs: 100_000, effects: 3 },
  what: "Kafka killed and all of its data thrown away, topics and offsets, while sagas are in flight",
  rules: ["I1", "I2", "I3", "I4"],
  needs: {},
  mixes: false,
  onMs: 1_000,
  offMs: 30_000,
  async strike(stage, turn) {
    turn.did("Kafka wiped");
    await stage.kafka.wipe();
  },
};

export const diskFull: Fault = {
  number: 20,
  name: "disk full",
  full: { forMs: 120_000, effects: 6 },
  what: "the disk of Kafka, or of the order service's PostgreSQL, is full for 5 s (a tmpfs of the harness); then there is room, and a server that has ended is started again",
  rules: EVERYTHING,
  needs: { smallDisks: true },
  mixes: false,
  missing: whyNoSmallDisk,
  offMs: 8_000,
  async strike(stage, turn) {
    const owner = turn.pick(diskOwners);
    const disk = stage.disks.get(owner);
    const server = owner === "kafka" ? stage.kafka : stage.databases.get(owner);
    if (disk === undefined || server === undefined) throw new Error(`${owner} has no small disk`);
    turn.did(`the disk of ${owner === "kafka" ? "Kafka" : `PostgreSQL of ${owner}`} full for ${turn.onMs} ms`);
    await disk.fill();
    await turn.wait(turn.onMs);
    await disk.clear();
    const port = "port" in server ? server.port : Number(server.brokers.split(":")[1]);
    if (await isOpen(port)) return;
    turn.did(`${owner === "kafka" ? "Kafka" : "PostgreSQL"} had ended of it`);
    await server.restart();
  },
};

/** Whether somebody listens at a port of this machine. */
async function isOpen(port: number): Promise<boolean> {
  try {
    const socket = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data: () => undefined } });
    socket.end();
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ECONNREFUSED") return false;
    throw error;
  }
}
