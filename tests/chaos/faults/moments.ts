import { EVERYTHING, type Fault, type Turn } from "../fault.ts";
import { KAFKA_CALLS, type KafkaLink } from "../../harness/stage/kafka-link.ts";
import type { Link } from "../../harness/stage/link.ts";
import { type ParticipantName, participants } from "@shop/contracts/services";
import type { Stage } from "../../harness/stage/stage.ts";

/** How long a moment is waited for: a replica that has nothing to do just now may never come to it. */
const WAIT_LIMIT_MS = 2_000;
/** What PostgreSQL says when a transaction has been committed: the type of the message, its length, and the tag. */
const COMMITTED = Buffer.from("C\0\0\0\x0bCOMMIT\0", "latin1");
/** How the session by which a relay holds its lock introduces itself to PostgreSQL. */
const RELAY = "outbox relay";

/** A replica and its ways to Kafka and to its database. */
interface Watched {
  readonly replica: string;
  readonly kafka: KafkaLink;
  readonly database: Link;
}

/** An exact moment in the life of a replica, as it is seen on its links. */
interface Moment {
  readonly name: string;
  /** Calls back at the moment, when what is being said is kept back and has not reached its receiver. */
  await(watched: Watched, reached: () => void): void;
}

/** The handlers' transaction is committed, and neither the process nor Kafka has been told. */
const databaseCommitted: Moment = {
  name: "when PostgreSQL had committed, before it was told so",
  await({ database }, reached) {
    database.watch((connection, direction, bytes) => {
      if (direction === "toServer" || connection.opening().includes(RELAY) || !bytes.includes(COMMITTED)) return "pass";
      reached();
      return "drop";
    });
  },
};

const offsetCommit: Moment = {
  name: "as it committed its offsets, before Kafka was told",
  await({ kafka }, reached) {
    kafka.watchFrames((_connection, { kind, call }) => {
      if (kind !== "request" || call !== KAFKA_CALLS.offsetCommit) return "pass";
      reached();
      return "drop";
    });
  },
};

const acknowledged: Moment = {
  name: "when Kafka had acknowledged, before it was told so",
  await({ kafka }, reached) {
    kafka.watchFrames((_connection, { kind, call }) => {
      if (kind !== "answer" || call !== KAFKA_CALLS.produce) return "pass";
      reached();
      return "drop";
    });
  },
};

const marking: Moment = {
  name: "as it marked what Kafka had acknowledged, before PostgreSQL was told",
  await({ kafka, database }, reached) {
    let isAcknowledged = false;
    kafka.watchFrames((_connection, { kind, call }) => {
      isAcknowledged ||= kind === "answer" && call === KAFKA_CALLS.produce;
      return "pass";
    });
    database.watch((connection, direction) => {
      if (!isAcknowledged || direction === "toClient" || !connection.opening().includes(RELAY)) return "pass";
      reached();
      return "drop";
    });
  },
};

/** Watches all replicas of a service for a moment, and kills the one that comes to it first. */
async function killAt(stage: Stage, turn: Turn, service: ParticipantName, moment: Moment): Promise<void> {
  const { supervisor } = stage.system;
  const watched = stage.replicasOf(service).map((replica) => ({
    ...{ replica, kafka: stage.kafkaLinks.get(replica), database: stage.databaseLinks.get(replica) },
  }));
  const unwatch = () => {
    for (const { kafka, database } of watched) {
      kafka?.watchFrames(undefined);
      database?.watch(undefined);
    }
  };
  let struck: Promise<string> | undefined;
  for (const { replica, kafka, database } of watched) {
    if (kafka === undefined || database === undefined) throw new Error(`${replica} has no links`);
    moment.await({ replica, kafka, database }, () => {
      if (struck !== undefined) return;
      struck = supervisor.kill(replica, "SIGKILL").then(() => replica);
      unwatch();
    });
  }
  const waitsUntil = performance.now() + WAIT_LIMIT_MS;
  while (struck === undefined && performance.now() < waitsUntil) await Bun.sleep(10);
  unwatch();
  const replica = await struck;
  if (replica === undefined) return;
  turn.did(`kill -9 ${replica} ${moment.name}`);
  await turn.wait(turn.random() * 1_000);
  await supervisor.restart(replica);
}

async function killAtOneOf(moments: readonly Moment[], stage: Stage, turn: Turn): Promise<void> {
  while (!turn.over.aborted) await killAt(stage, turn, turn.pick(participants), turn.pick(moments));
}

export const killedBetweenCommits: Fault = {
  number: 2,
  name: "killed between two commits",
  full: { forMs: 120_000, effects: 25 },
  what: "kill -9 of a participant between its commit in the database and the commit of its offsets",
  rules: EVERYTHING,
  needs: { links: true },
  mixes: true,
  strike: (stage, turn) => killAtOneOf([databaseCommitted, offsetCommit], stage, turn),
};

export const relayKilled: Fault = {
  number: 3,
  name: "relay killed",
  full: { forMs: 120_000, effects: 25 },
  what: "kill -9 of the replica that publishes, after Kafka has acknowledged its messages and before they are marked as sent",
  rules: EVERYTHING,
  needs: { links: true },
  mixes: true,
  strike: (stage, turn) => killAtOneOf([acknowledged, marking], stage, turn),
};
