import { EVERYTHING, type Fault, type Turn } from "../fault.ts";
import { KAFKA_CALLS, type KafkaLink } from "../../harness/stage/kafka-link.ts";
import type { Connection, Direction, Link, Weather } from "../../harness/stage/link.ts";
import { participants } from "@shop/contracts/services";
import type { Stage } from "../../harness/stage/stage.ts";

/** The links of all replicas, by where they lead. */
const linksOf = ({ kafkaLinks, databaseLinks }: Stage) =>
  [
    ...[...kafkaLinks].map(([replica, link]) => ({ name: `${replica} and Kafka`, link })),
    ...[...databaseLinks].map(([replica, link]) => ({ name: `${replica} and its database`, link })),
  ] as const;

/** How a caller is kept from the answer to what was done. */
function keepBack(turn: Turn, connection: Connection): "drop" {
  if (turn.random() < 0.5) connection.reset();
  else connection.silence();
  return "drop";
}

/** The part of the answers that are kept back, from 1 to 5 %. */
const partOf = (turn: Turn) => 0.01 + turn.random() * 0.04;

export const untold: Fault = {
  number: 7,
  name: "done, and told otherwise",
  full: { forMs: 60_000, effects: 50 },
  what: "1 to 5 % of the answers of PostgreSQL, of Kafka's to messages and offsets, and of the services' do not arrive: the caller is cut off, or waits in vain",
  rules: EVERYTHING,
  needs: { links: true },
  mixes: true,
  async strike(stage, turn) {
    const part = partOf(turn);
    let count = 0;
    const isUnlucky = () => !turn.over.aborted && turn.random() < part && (count += 1) > 0;
    const ofAnswers = (connection: Connection, direction: Direction) =>
      direction === "toClient" && isUnlucky() ? keepBack(turn, connection) : "pass";
    const told: number[] = [KAFKA_CALLS.produce, KAFKA_CALLS.offsetCommit];
    const databases: Link[] = [...stage.databaseLinks.values()];
    const doors: Link[] = [...stage.doors.values()];
    const brokers: KafkaLink[] = [...stage.kafkaLinks.values()];
    for (const link of [...databases, ...doors]) link.watch(ofAnswers);
    for (const link of brokers)
      link.watchFrames((connection, { kind, call }) =>
        kind === "answer" && told.includes(call) && isUnlucky() ? keepBack(turn, connection) : "pass",
      );
    await turn.wait(turn.onMs);
    for (const link of [...databases, ...doors]) link.watch(undefined);
    for (const link of brokers) link.watchFrames(undefined);
    turn.did(`${count} answers kept back, ${(part * 100).toFixed(1)} % of all`, count);
  },
};

const CUTS: readonly (readonly Direction[])[] = [["toServer"], ["toClient"], ["toServer", "toClient"]];

export const cutOff: Fault = {
  number: 10,
  name: "network cut",
  full: { forMs: 120_000, effects: 5 },
  what: "for 2 to 15 s nothing passes between a replica, or both of a service, and Kafka or their database; one way only, or both",
  rules: EVERYTHING,
  needs: { links: true },
  mixes: true,
  onMs: 15_000,
  async strike(stage, turn) {
    const service = turn.pick(participants);
    const all = stage.replicasOf(service);
    const replicas = turn.random() < 0.5 ? [turn.pick(all)] : all;
    const [where, links] = turn.pick([
      ["Kafka", stage.kafkaLinks],
      ["the database", stage.databaseLinks],
    ] as const);
    const cut = turn.pick(CUTS);
    const forMs = 2_000 + turn.random() * 13_000;
    const which = cut.length === 2 ? "both ways" : cut[0] === "toServer" ? "on the way there" : "on the way back";
    turn.did(`${replicas.join(" and ")} and ${where} cut off from each other ${which} for ${Math.round(forMs)} ms`);
    for (const replica of replicas) links.get(replica)?.setWeather({ cut });
    await turn.wait(forMs);
    for (const replica of replicas) links.get(replica)?.setWeather({});
  },
};

const BAD_WEATHER: readonly { readonly name: string; readonly weather: Partial<Weather> }[] = [
  { name: "2 s late", weather: { latencyMs: 2_000 } },
  { name: "200 ms late", weather: { latencyMs: 200 } },
  { name: "1 kB a second", weather: { bytesPerSecond: 1_000 } },
];
const BETWEEN_RESETS_MS = 300;

export const badLinks: Fault = {
  number: 11,
  name: "slow and broken links",
  full: { forMs: 60_000, effects: 15 },
  what: "links to Kafka and to databases are slow (2 s or 200 ms late, 1 kB a second) or broken (all of their connections reset, again and again)",
  rules: ["I1", "I2", "I3", "I7", "I8"],
  needs: { links: true },
  mixes: true,
  async strike(stage, turn) {
    const all = linksOf(stage);
    const slow = [turn.pick(all), turn.pick(all)];
    for (const { name, link } of slow) {
      const { name: how, weather } = turn.pick(BAD_WEATHER);
      turn.did(`between ${name}: ${how}`);
      link.setWeather(weather);
    }
    const broken = turn.pick(all);
    turn.did(`between ${broken.name}: connections reset again and again`);
    while (!turn.over.aborted) {
      broken.link.resetAll();
      await turn.wait(BETWEEN_RESETS_MS);
    }
    for (const { link } of slow) link.setWeather({});
  },
};
