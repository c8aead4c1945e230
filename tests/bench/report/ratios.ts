import { latencyOf, median } from "../measure/latency.ts";
import type { SideResult } from "../measure/run.ts";
import type { Turn } from "../measure/turn.ts";

/** A figure of a side as a part of the reference's. */
export interface Ratio {
  readonly what: string;
  readonly unit: string;
  /** The medians of the rounds. */
  readonly value: number;
  readonly reference: number;
  /** By round: the turn's figure against the mean of the reference's turns before and after it. One for what has no rounds. */
  readonly rounds: readonly number[];
  readonly ratio: number;
}

interface Figure {
  readonly what: string;
  readonly unit: string;
  /** NaN where a turn does not have it. */
  readonly of: (turn: Turn) => number;
  /** What of the reference it is held against. */
  readonly against: (turn: Turn) => number;
}

/** Of a whole saga: to the delivery, and from the rider's call to the completed order, one after the other. */
export function sagasPerSecond({ order, complete }: Turn): number {
  return complete === undefined ? Number.NaN : 1 / (1 / order.perSecond + 1 / complete.perSecond);
}

const unloadedP50 = ({ unloaded }: Turn) => percentiles(unloaded.toDelivery).p50;
const percentiles = (values: readonly number[]) =>
  values.length === 0 ? { p50: Number.NaN, p99: Number.NaN } : latencyOf(values);

const FIGURES: readonly Figure[] = [
  { what: "order → delivery", unit: "per s", of: perSecond, against: perSecond },
  { what: "whole saga", unit: "per s", of: sagasPerSecond, against: perSecond },
  { what: "CPU, order → delivery", unit: "ms", of: cpu, against: cpu },
  {
    what: "CPU, whole saga",
    unit: "ms",
    of: (turn) => cpu(turn) + (turn.complete?.totalCpuMs ?? Number.NaN),
    against: cpu,
  },
  {
    what: "WAL, order → delivery",
    unit: "bytes",
    of: ({ order }) => order.walBytes,
    against: ({ order }) => order.walBytes,
  },
  {
    what: "statements, order → delivery",
    unit: "",
    of: ({ order }) => order.statements,
    against: ({ order }) => order.statements,
  },
  { what: "unloaded order → delivery, p50", unit: "ms", of: unloadedP50, against: unloadedP50 },
  {
    what: "unloaded complete → COMPLETE, p50, of order → delivery",
    unit: "ms",
    of: ({ unloaded }) => percentiles(unloaded.toComplete).p50,
    against: unloadedP50,
  },
];

function perSecond({ order }: Turn): number {
  return order.perSecond;
}

function cpu({ order }: Turn): number {
  return order.totalCpuMs;
}

/** @returns what the turns of both sides have figures for */
export function ratiosOf(reference: SideResult, side: SideResult): readonly Ratio[] {
  const ofRounds = FIGURES.flatMap(({ what, unit, of, against }): Ratio[] => {
    const values = side.turns.map(of);
    const references = reference.turns.map(against);
    if ([...values, ...references].some(Number.isNaN)) return [];
    const rounds = side.turns.map(({ round }, index) => {
      const before = references[round] ?? Number.NaN;
      const after = references[round + 1] ?? Number.NaN;
      return (values[index] ?? Number.NaN) / ((before + after) / 2);
    });
    return [{ what, unit, value: median(values), reference: median(references), rounds, ratio: median(rounds) }];
  });
  return [...ofRounds, ...tails(reference, side)];
}

/** Tails need all rounds together. */
function tails(reference: SideResult, side: SideResult): readonly Ratio[] {
  const all = ({ turns }: SideResult) => percentiles(turns.flatMap(({ unloaded }) => unloaded.toDelivery));
  const [own, yardstick] = [all(side), all(reference)];
  if (Number.isNaN(own.p99) || Number.isNaN(yardstick.p50)) return [];
  const found = [single("unloaded order → delivery, p99, of the reference's p50", own.p99, yardstick.p50)];
  const constant = side.constant?.phase.toArrival.p99;
  if (constant !== undefined) {
    found.push(single("order → delivery at half of the maximum rate, p99, of its own unloaded p50", constant, own.p50));
  }
  found.push(single("the first order, of its own unloaded p50", side.firstOrderMs, own.p50));
  return found;
}

function single(what: string, value: number, reference: number): Ratio {
  return { what, unit: "ms", value, reference, rounds: [value / reference], ratio: value / reference };
}
