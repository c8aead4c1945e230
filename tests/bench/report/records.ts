import type { Apart } from "../measure/apart.ts";
import type { SideResult } from "../measure/run.ts";
import type { BenchResult } from "../../results/results.ts";
import { ratiosOf } from "./ratios.ts";
import { range, short } from "./terminal.ts";

type Origin = Pick<BenchResult, "date" | "commit" | "changed" | "command">;

/** What `--record` keeps: the product's ratios to the reference, and those of the intake and the backlog to `pgbench`. */
export function recordsOf(
  origin: Origin,
  [reference, product]: readonly SideResult[],
  apart: Apart | undefined,
): readonly BenchResult[] {
  if (reference === undefined || product === undefined) return [];
  const ratios = ratiosOf(reference, product).map((ratio): BenchResult => {
    const { what, unit, value, reference: yardstick } = ratio;
    const figures = {
      ratio: short(ratio.ratio),
      "of the rounds": range(ratio) || "one figure",
      product: `${short(value)} ${unit}`.trim(),
      yardstick: `${short(yardstick)} ${unit}`.trim(),
    };
    return { ...origin, group: "reference", what, figures };
  });
  return [...ratios, ...(apart === undefined ? [] : apartRecords(origin, apart))];
}

function apartRecords(origin: Origin, { orders, intakePerSecond, sagaPerSecond, yardstick }: Apart): BenchResult[] {
  const record = (what: string, rate: number): BenchResult => {
    const parts = yardstick && {
      "of single": (rate / yardstick.single).toFixed(2),
      "of grouped": (rate / yardstick.grouped).toFixed(2),
    };
    return { ...origin, group: "load", what, figures: { "per second": rate.toFixed(0), ...parts } };
  };
  return [
    record("`POST /api/orders` while the saga's services are down", intakePerSecond),
    record(`order → delivery created, from a backlog of ${orders}`, sagaPerSecond),
  ];
}
