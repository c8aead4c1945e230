import { EVERYTHING, type Fault } from "./fault.ts";
import { flood, repeatedPosts, riders, rush } from "./faults/clients.ts";
import { duplicates, poison, replayed } from "./faults/messages.ts";
import { killedBetweenCommits, relayKilled } from "./faults/moments.ts";
import { badLinks, cutOff, untold } from "./faults/network.ts";
import { reordered } from "./faults/order-of-messages.ts";
import { slowHandler, steppedClocks } from "./faults/machine.ts";
import {
  choresUnderLoad,
  greedy,
  idleTransaction,
  lockedRow,
  recompressed,
  strangersInKafka,
} from "./faults/neighbours.ts";
import { frozen, orchestratorKilled, rebalances, stopped } from "./faults/processes.ts";
import {
  backendsTerminated,
  brokerAway,
  brokerKilled,
  diskFull,
  kafkaWiped,
  postgresKilled,
} from "./faults/servers.ts";
import { rollingUpgrade } from "./faults/upgrade.ts";
import type { Plan } from "./plan.ts";

/** Every fault that can be brought about here, by its number. */
export const allFaults: readonly Fault[] = [
  ...[orchestratorKilled, frozen, rebalances, stopped, rollingUpgrade],
  ...[postgresKilled, backendsTerminated, brokerKilled, brokerAway, kafkaWiped, diskFull],
  ...[duplicates, replayed, poison],
  ...[killedBetweenCommits, relayKilled],
  ...[reordered, steppedClocks, slowHandler],
  ...[untold, cutOff, badLinks],
  ...[rush, repeatedPosts, riders, flood],
  ...[lockedRow, idleTransaction, strangersInKafka, recompressed, choresUnderLoad, greedy],
].toSorted((one, other) => one.number - other.number);

/** @param forMs how long orders come and faults are injected; a longer run must have more effects */
export function planOf(fault: Fault, seed: number, forMs: number): Plan {
  const { number, name, rules, needs, full } = fault;
  const leastEffects = Math.max(1, Math.floor((full.effects * forMs) / full.forMs));
  const option = `--faults ${number}`;
  return { title: `${number} ${name}`, option, faults: [fault], rules, needs, leastEffects, seed, forMs };
}

/** Short turns of all faults that mix, in one run: one of each, in an order by the seed, and so on. */
export function mixOf(seed: number, forMs: number): Plan {
  const [first, ...others] = allFaults.filter(({ mixes }) => mixes);
  if (first === undefined) throw new Error("no fault of the list mixes");
  const needs = { links: [first, ...others].some((fault) => fault.needs.links === true) };
  return {
    title: "a mix",
    option: "--mix",
    faults: [first, ...others],
    rules: EVERYTHING,
    needs,
    leastEffects: 1,
    seed,
    forMs,
    onMs: 4_000,
    offMs: 2_000,
  };
}
