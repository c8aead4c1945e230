import { median } from "../measure/latency.ts";
import type { SideResult } from "../measure/run.ts";
import type { Turn } from "../measure/turn.ts";
import { sagasPerSecond } from "./ratios.ts";

/** Whether two revisions differ in a figure by more than chance. */
export interface Comparison {
  readonly what: string;
  /** This revision's figure as a part of the other's, by round. */
  readonly rounds: readonly number[];
  readonly ratio: number;
  /** How likely so one-sided an outcome is when the two are equal. */
  readonly chance: number;
  readonly verdict: "better" | "worse" | "no difference that is more than noise";
}

/** Below this a difference counts as more than noise. Five rounds that all agree do not reach it, six do. */
const SIGNIFICANT = 0.05;
/** The fewest rounds that can. */
export const ROUNDS_TO_COMPARE = 6;

interface Figure {
  readonly what: string;
  readonly of: (turn: Turn) => number;
  readonly better: "more" | "less";
}

const FIGURES: readonly Figure[] = [
  { what: "order → delivery per s", of: ({ order }) => order.perSecond, better: "more" },
  { what: "whole sagas per s", of: sagasPerSecond, better: "more" },
  { what: "CPU, order → delivery", of: ({ order }) => order.totalCpuMs, better: "less" },
  { what: "CPU, complete → COMPLETE", of: ({ complete }) => complete?.totalCpuMs ?? Number.NaN, better: "less" },
  { what: "unloaded order → delivery, median", of: ({ unloaded }) => medianOf(unloaded.toDelivery), better: "less" },
  { what: "unloaded complete → COMPLETE, median", of: ({ unloaded }) => medianOf(unloaded.toComplete), better: "less" },
  { what: "WAL, order → delivery", of: ({ order }) => order.walBytes, better: "less" },
  { what: "statements, order → delivery", of: ({ order }) => order.statements, better: "less" },
];

const medianOf = (values: readonly number[]) => (values.length === 0 ? Number.NaN : median(values));

/**
 * Holds the turns of the same rounds against each other, which stood next to each other in time, by a two-sided sign test: it asks only in how many
 * rounds this revision was ahead, so that neither the size of an outlier nor a slow hour counts.
 */
export function compare(own: SideResult, other: SideResult): readonly Comparison[] {
  return FIGURES.flatMap(({ what, of, better }): Comparison[] => {
    const rounds = own.turns.map((turn, index) => of(turn) / of(other.turns[index] ?? turn));
    if (rounds.some(Number.isNaN)) return [];
    const ahead = rounds.filter((ratio) => (better === "more" ? ratio > 1 : ratio < 1)).length;
    const behind = rounds.filter((ratio) => (better === "more" ? ratio < 1 : ratio > 1)).length;
    const chance = signTest(ahead, behind);
    const verdict =
      chance >= SIGNIFICANT ? "no difference that is more than noise" : ahead > behind ? "better" : "worse";
    return [{ what, rounds, ratio: median(rounds), chance, verdict }];
  });
}

/** @returns how likely the smaller of the two counts is so small, or the larger so large, if both sides of a coin are as likely */
export function signTest(one: number, other: number): number {
  const all = one + other;
  let tail = 0;
  for (let count = 0, ways = 1; count <= Math.min(one, other); count += 1) {
    tail += ways / 2 ** all;
    ways = (ways * (all - count)) / (count + 1);
  }
  return Math.min(1, 2 * tail);
}
