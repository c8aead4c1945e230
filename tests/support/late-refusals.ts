import type { Called } from "./steady-load.ts";

/**
 * What a process says of a call that it had no time for, by kind. A machine that is busy with other work brings these about by itself, so a few of them
 * show no mistake; a handler that hangs because its process stops shows as the first kind. Any other refusal is never excused.
 */
const KINDS: readonly (readonly [kind: string, pattern: RegExp])[] = [
  ["was not done in time", /was not done after \d+ ms/],
  ["waited too long for the group commit", /an item waited for more than|items wait for too long/],
  ["waited too long for a password's turn", /a password waited too long/],
];

/** What frontend and gateway answer, without a line in their logs, when they are so late that an answer would come too late. */
const REFUSED_AT_THE_EDGE = /There are more calls than can be answered now/;
/** Which of the two it was is not known. */
const AN_EDGE = "frontend or gateway";

/** A call that was refused with 503 since its process had no time for it. */
export interface LateRefusal {
  readonly kind: string;
  /** The process that refused it, as the supervisor names it; `frontend or gateway` where that is not known. */
  readonly process: string;
  /** When, in milliseconds since the epoch, by the process's log. */
  readonly atMs: number;
}

/** How many calls were made in a stretch of time, and what was late in it. */
export interface Stretch {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly calls: number;
  readonly late: readonly LateRefusal[];
}

/** From the signal to the end of a process. */
export interface Stop {
  readonly process: string;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** @param logged the lines of the processes that name the call's request id, each behind the name of its process; undefined unless it was refused late */
export function lateRefusal(call: Called, logged: readonly string[]): LateRefusal | undefined {
  if (call.status !== 503) return undefined;
  if (REFUSED_AT_THE_EDGE.test(call.detail)) {
    return { kind: "was refused by an edge that had no time", process: AN_EDGE, atMs: Date.parse(call.at) };
  }
  return logged.map(lateLine).find((late) => late !== undefined);
}

/** What a line of a process says of a call that it had no time for; undefined of any other line. */
function lateLine(line: string): LateRefusal | undefined {
  const kind = KINDS.find(([, pattern]) => pattern.test(line))?.[0];
  const time = /"time":"([^"]+)"/.exec(line)?.[1];
  if (kind === undefined || time === undefined) return undefined;
  return { kind, process: line.slice(0, line.indexOf(" ")), atMs: Date.parse(time) };
}

/** What was late in a stretch of time, also where the caller was answered by another replica then: by the logs, and by what the edges do not log. */
export function lateBetween(
  fromMs: number,
  untilMs: number,
  logs: readonly string[],
  refused: readonly LateRefusal[],
): readonly LateRefusal[] {
  const logged = logs.map(lateLine).filter((late) => late !== undefined);
  const atEdges = refused.filter(({ process }) => process === AN_EDGE);
  return [...logged, ...atEdges].filter(({ atMs }) => atMs >= fromMs && atMs <= untilMs);
}

/** Late refusals of one process within this time of each other have one cause: a process that had no time for 2 s is late for every caller at once. */
const MOMENT_MS = 2_000;
/**
 * How many times as often as in the baseline. Not a matter of stops alone: each is followed by the start of a process, which costs a second of CPU, and a
 * machine's other work comes and goes.
 */
const FACTOR = 3;
/** Moments of each kind that no baseline has to show: one in which nothing was seen still allows that three were to be expected (the 95 % bound of a Poisson mean). */
const FEW = 3;
/**
 * The same for processes that are being stopped, all stops together: these are some tens of seconds in all. Few calls reach a process that stops, so a
 * handler that hangs may show once: what shows once is stopped again, several times, and is found when it shows again.
 */
const FEW_AT_STOPS = 1;

/** The first refusal of each moment. */
function moments(late: readonly LateRefusal[]): readonly LateRefusal[] {
  const lastAt = new Map<string, number>();
  return late
    .toSorted((one, other) => one.atMs - other.atMs)
    .filter(({ kind, process, atMs }) => {
      const key = `${kind} ${process}`;
      const before = lastAt.get(key);
      lastAt.set(key, atMs);
      return before === undefined || atMs - before > MOMENT_MS;
    });
}

/** What a process was late with while it was being stopped. */
export function lateAtStop({ process, fromMs, untilMs }: Stop, late: readonly LateRefusal[]): readonly LateRefusal[] {
  return late.filter((one) => one.process === process && one.atMs >= fromMs && one.atMs <= untilMs);
}

/**
 * Compares calls under faults with calls on the same machine without it, in two ways. Of all processes: the moments of each kind, by the number of calls.
 * Of the processes that are being stopped, which a hanging handler would show at: the moments between signal and end, against as many milliseconds of
 * the same processes in the baseline.
 * @returns a sentence about each excess
 */
export function excessOver(baseline: Stretch, faulted: Stretch, stops: readonly Stop[]): readonly string[] {
  const excess: string[] = [];
  const before = moments(baseline.late);
  const after = moments(faulted.late);
  const perThousand = (count: number, { calls }: Stretch) => ((count * 1_000) / Math.max(1, calls)).toFixed(2);
  for (const kind of new Set(after.map((moment) => moment.kind))) {
    const [was, is] = [before, after].map((all) => all.filter((moment) => moment.kind === kind).length) as [
      number,
      number,
    ];
    const allowed = (FACTOR * was * faulted.calls) / Math.max(1, baseline.calls) + FEW;
    if (is > allowed)
      excess.push(
        `${kind}: ${is} moments, ${perThousand(is, faulted)} a thousand calls; ${perThousand(was, baseline)} without faults, so at most ${Math.floor(allowed)} are the machine's`,
      );
  }

  const atStops = stops.flatMap((stop) => moments(lateAtStop(stop, faulted.late)));
  const lasted = Math.max(1, baseline.untilMs - baseline.fromMs);
  const expected = stops
    .map(({ process, fromMs, untilMs }) => {
      const ofProcess = before.filter((moment) => moment.process === process).length;
      return (ofProcess * (untilMs - fromMs)) / lasted;
    })
    .reduce((sum, one) => sum + one, 0);
  if (atStops.length > FACTOR * expected + FEW_AT_STOPS)
    excess.push(
      `processes that were being stopped were late in ${atStops.length} moments (${atStops.map(({ process, kind }) => `${process}: ${kind}`).join(", ")}); ${expected.toFixed(2)} were to be expected`,
    );
  return excess;
}
