import type { Apart } from "../measure/apart.ts";
import { latencyOf, median } from "../measure/latency.ts";
import type { SideResult } from "../measure/run.ts";
import { compare } from "./noise.ts";
import { type Ratio, ratiosOf } from "./ratios.ts";

/** A number with three significant digits or all of its whole part. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return "–";
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

export const range = ({ rounds }: Ratio): string =>
  rounds.length < 2 ? "" : `${short(Math.min(...rounds))} to ${short(Math.max(...rounds))}`;

/** The tables for a person, as lines. */
export function linesOf(results: readonly SideResult[]): readonly string[] {
  const [reference, ...others] = results;
  if (reference === undefined) return [];
  return [
    ...others.flatMap((side) => ["", ...ratioLines(reference, side)]),
    ...results.flatMap((side) => ["", ...costLines(side)]),
  ];
}

function ratioLines(reference: SideResult, side: SideResult): readonly string[] {
  const rows = ratiosOf(reference, side).map((ratio) => [
    ratio.what,
    `${short(ratio.value)} ${ratio.unit}`,
    `${short(ratio.reference)} ${ratio.unit}`,
    short(ratio.ratio),
    range(ratio),
  ]);
  return table([["", side.name, "yardstick", "ratio", "of the rounds"], ...rows]);
}

function costLines({ name, turns, readyMs, firstOrderMs, constant }: SideResult): readonly string[] {
  const last = turns.at(-1);
  if (last === undefined) return [];
  const completed = turns.flatMap(({ complete }) => complete ?? []);
  const phases = { order: turns.map(({ order }) => order), complete: completed };
  const medianOf = (list: readonly (number | undefined)[]) => median(list.map((value) => value ?? 0));
  const names = [
    ...new Set(turns.flatMap(({ order, complete }) => Object.keys({ ...order.cpuMs, ...complete?.cpuMs }))),
  ];
  const cost = names.map((of) => [
    `  ${of}`,
    short(medianOf(phases.order.map(({ cpuMs }) => cpuMs[of]))),
    completed.length === 0 ? "" : short(medianOf(completed.map(({ cpuMs }) => cpuMs[of]))),
    of in last.memoryMb ? String(Math.max(...turns.map(({ memoryMb }) => memoryMb[of] ?? 0))) : "",
    sizeOf(phases.order.map(({ batchSizes }) => batchSizes[of])),
  ]);
  const work = (what: string, read: (phase: (typeof phases.order)[number]) => number) => [
    `  ${what}`,
    short(medianOf(phases.order.map(read))),
    completed.length === 0 ? "" : short(medianOf(completed.map(read))),
  ];
  const alone = turns.flatMap(({ unloaded }) => unloaded.toDelivery);
  const ends = turns.flatMap(({ unloaded }) => unloaded.toComplete);
  const latency = (list: readonly number[]) => {
    if (list.length === 0) return "not measured";
    const { p50, p99 } = latencyOf(list);
    return `p50 ${short(p50)} ms, p99 ${short(p99)} ms`;
  };
  return [
    ...table([
      [`${name}: CPU per order, ms`, "order → delivery", "complete → COMPLETE", "MB", "records a batch"],
      ...cost,
      work("all", ({ totalCpuMs }) => totalCpuMs),
      work("driver, cores", ({ driverCores }) => driverCores),
      work("WAL, bytes per order", ({ walBytes }) => walBytes),
      work("statements per order", ({ statements }) => statements),
      work("transactions per order", ({ transactions }) => transactions),
      work("answer, p50 ms", ({ toAnswer }) => toAnswer.p50),
      work("answer, p99 ms", ({ toAnswer }) => toAnswer.p99),
      work("refused calls", ({ refusals }) => refusals),
    ]),
    `  start to ready ${short(readyMs)} ms, first order ${short(firstOrderMs)} ms`,
    `  unloaded: order → delivery ${latency(alone)}${ends.length === 0 ? "" : `; complete → COMPLETE ${latency(ends)}`}`,
    ...(constant === undefined
      ? []
      : [
          `  ${short(constant.perSecond)} orders per s at a constant rate: order → delivery p50 ${short(constant.phase.toArrival.p50)} ms, p99 ${short(constant.phase.toArrival.p99)} ms`,
        ]),
  ];
}

function sizeOf(sizes: readonly (number | undefined)[]): string {
  const known = sizes.filter((size) => size !== undefined);
  return known.length === 0 ? "" : short(median(known));
}

function table(rows: readonly (readonly string[])[]): readonly string[] {
  const width = (column: number) => Math.max(...rows.map((row) => (row[column] ?? "").length));
  const widths = (rows[0] ?? []).map((_, column) => width(column));
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
}

export function apartLines({ orders, intakePerSecond, sagaPerSecond, yardstick }: Apart): readonly string[] {
  const parts = (rate: number) =>
    yardstick === undefined
      ? ""
      : `; ${short(rate / yardstick.single)} of single, ${short(rate / yardstick.grouped)} of grouped`;
  return [
    "",
    `Apart from each other, ${orders} orders`,
    yardstick === undefined
      ? "  pgbench is not installed: no ratios"
      : `  pgbench, the same two inserts: single, 32 clients ${short(yardstick.single)} orders per s; 32 a transaction, 2 clients ${short(yardstick.grouped)} orders per s`,
    `  POST /api/orders while the saga's services are down ${short(intakePerSecond)} per s${parts(intakePerSecond)}`,
    `  order → delivery created, from the backlog ${short(sagaPerSecond)} per s${parts(sagaPerSecond)}`,
  ];
}

/** What differs between this revision and the other, and the rule by which that is said. */
export function comparisonLines(own: SideResult, other: SideResult): readonly string[] {
  const comparisons = compare(own, other);
  const rows = comparisons.map(({ what, rounds, ratio, chance, verdict }) => {
    const between = `${short(Math.min(...rounds))} to ${short(Math.max(...rounds))}`;
    return [what, short(ratio), between, short(chance), verdict];
  });
  return [
    "",
    ...table([[`${own.name} as a part of ${other.name}`, "median", "rounds", "chance", ""], ...rows]),
    "  More than noise: a two-sided sign test over the rounds, chance below 0.05 (all of 6 rounds, 8 of 9, 10 of 12).",
  ];
}
