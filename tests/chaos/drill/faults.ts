import {
  participants,
  type ParticipantName,
  type ProcessName,
  processNames,
  type ServiceName,
  serviceNames,
  type Topic,
} from "@shop/contracts/services";
import postgres from "postgres";
import type { Turn } from "../fault.ts";
import { withProducer } from "../faults/messages.ts";
import { holdNeededRow } from "../faults/neighbours.ts";
import type { Direction } from "../../harness/stage/link.ts";
import type { Stage } from "../../harness/stage/stage.ts";

/** A fault that stays until it is found. */
export interface DrillFault {
  /** As it is called when it is found. */
  readonly name: string;
  /** A sentence, told when it is found: what was done to whom. */
  readonly what: string;
  /** The runbooks that lead to it. */
  readonly pages: readonly string[];
  /** Injects it, calls `turn.did` once it is there, and reverts it when the turn is over. */
  strike(stage: Stage, turn: Pick<Turn, "did" | "over">): Promise<void>;
}

const BOTH_WAYS: readonly Direction[] = ["toServer", "toClient"];
/** A statement takes so much longer, in milliseconds. */
const SLOW_MS = 400;
const STRANGE: Topic = "product.commands";

const until = (over: AbortSignal) =>
  over.aborted
    ? Promise.resolve()
    : new Promise<void>((resolve) => over.addEventListener("abort", () => resolve(), { once: true }));

const stopped = (service: ProcessName): DrillFault => ({
  name: `${service}-stopped`,
  what: `the service ${service} was stopped`,
  pages: ["ServiceDown"],
  async strike({ system }, { did, over }) {
    await system.supervisor.kill(service, "SIGTERM");
    did(`${service} stopped`);
    await until(over);
    await system.supervisor.restart(service);
  },
});

const frozen = (service: ProcessName): DrillFault => ({
  name: `${service}-frozen`,
  what: `the process of ${service} was frozen (SIGSTOP)`,
  pages: ["ServiceDown", "ReplicaDown"],
  async strike({ system }, { did, over }) {
    await system.supervisor.kill(service, "SIGSTOP");
    did(`${service} frozen`);
    await until(over);
    await system.supervisor.kill(service, "SIGCONT");
  },
});

const databaseStopped = (service: ServiceName): DrillFault => ({
  name: `${service}-database-stopped`,
  what: `PostgreSQL of ${service} was stopped`,
  pages: ["ServiceDown", "RequestsUnavailable"],
  async strike({ databases }, { did, over }) {
    const server = databases.get(service);
    await server?.kill();
    did(`PostgreSQL of ${service} stopped`);
    await until(over);
    await server?.restart();
  },
});

const ofParticipant = (service: ParticipantName): readonly DrillFault[] => [
  {
    name: `${service}-row-locked`,
    what: `another session held a row of ${service} that messages need`,
    pages: ["MessagesDeferred"],
    strike: (stage, { did, over }) =>
      holdNeededRow(stage, service, async (locked) => {
        did(`a row of ${service} locked`, locked);
        await until(over);
      }),
  },
  {
    name: `${service}-cut-from-kafka`,
    what: `nothing passed between ${service} and Kafka, without a word`,
    pages: ["OutboxOld", "ConsumerBehind"],
    strike: (stage, turn) => cut(stage.kafkaLinks.get(service), `${service} and Kafka`, turn),
  },
  {
    name: `${service}-cut-from-database`,
    what: `nothing passed between ${service} and its database, without a word`,
    pages: ["RequestsUnavailable", "ServiceDown"],
    strike: (stage, turn) => cut(stage.databaseLinks.get(service), `${service} and its database`, turn),
  },
  {
    name: `${service}-database-slow`,
    what: `each answer of the database of ${service} came ${SLOW_MS} ms late`,
    pages: ["OrdersLateBudgetBurn", "ConsumerBehind", "RequestsUnavailable"],
    async strike({ databaseLinks }, { did, over }) {
      databaseLinks.get(service)?.setWeather({ latencyMs: SLOW_MS });
      did(`the database of ${service} slow`);
      await until(over);
      databaseLinks.get(service)?.setWeather({});
    },
  },
  {
    name: `${service}-database-refuses`,
    what: `the role of ${service} could not log in to its database`,
    pages: ["ServiceDown", "RequestsUnavailable"],
    async strike(stage, { did, over }) {
      const sql = postgres(stage.superuserUrl(service), { max: 1, onnotice: () => undefined });
      const role = new URL(stage.databaseUrls.get(service) ?? "").username;
      await sql.unsafe(`alter role "${role}" nologin`);
      await sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and usename = ${role}`;
      did(`the role ${role} cannot log in`);
      await until(over);
      await sql.unsafe(`alter role "${role}" login`);
      await sql.end();
    },
  },
];

async function cut(
  link: { setWeather(weather: { readonly cut?: readonly Direction[] }): void } | undefined,
  between: string,
  { did, over }: Pick<Turn, "did" | "over">,
): Promise<void> {
  link?.setWeather({ cut: BOTH_WAYS });
  did(`${between} cut off`);
  await until(over);
  link?.setWeather({});
}

/** What a drill can inject. */
export const drillFaults: readonly DrillFault[] = [
  ...processNames.map(stopped),
  ...participants.map(frozen),
  ...serviceNames.map(databaseStopped),
  ...participants.flatMap(ofParticipant),
  {
    name: "kafka-stopped",
    what: "Kafka was stopped",
    pages: ["OutboxOld", "ConsumerRebuilt"],
    async strike({ kafka }, { did, over }) {
      await kafka.kill();
      did("Kafka stopped");
      await until(over);
      await kafka.restart();
    },
  },
  {
    name: "unreadable-messages",
    what: `somebody published to ${STRANGE} what is no message of ours`,
    pages: ["DeadLetters"],
    async strike(stage, { did, over }) {
      await withProducer(stage, async (producer) => {
        const messages = [1, 2, 3].map((number) => ({ key: `drill-${number}`, value: `{"drill": ${number}` }));
        await producer.send({ topic: STRANGE, messages });
      });
      did("unreadable messages", 3);
      await until(over);
    },
  },
];
