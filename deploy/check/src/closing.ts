import type { Tally } from "./tally.ts";

/** A check that was to run and did not. */
export interface Skipped {
  readonly name: string;
  readonly reason: string;
}

export interface Progress {
  readonly tallies: readonly Tally[];
  readonly skipped: readonly Skipped[];
  /** The check under way; null once all have ended. */
  readonly running: string | null;
}

/**
 * What a run ends with. The last line is `N passed, N failed`, with `, N skipped` when something did not run; the line before it then
 * names each of these with the reason.
 */
export function closingLines({ tallies, skipped }: Progress): readonly string[] {
  const counts = `${sum(tallies, "passed")} passed, ${sum(tallies, "failed")} failed`;
  if (skipped.length === 0) return [counts];
  const byReason = [...Map.groupBy(skipped, ({ reason }) => reason)].map(
    ([reason, some]) => `${some.map(({ name }) => name).join(", ")} (${reason})`,
  );
  return [`not run: ${byReason.join("; ")}`, `${counts}, ${skipped.length} skipped`];
}

/**
 * The same for a program that adds up several runs, one fact a line: `passed N`, `failed N`, `skipped NAME REASON`, and `running NAME` until
 * the end, by which it sees a run that died.
 */
export function summaryOf({ tallies, skipped, running }: Progress): string {
  const lines = [
    `passed ${sum(tallies, "passed")}`,
    `failed ${sum(tallies, "failed")}`,
    ...skipped.map(({ name, reason }) => `skipped ${name} ${reason}`),
    ...(running === null ? [] : [`running ${running}`]),
  ];
  return `${lines.join("\n")}\n`;
}

function sum(tallies: readonly Tally[], count: "passed" | "failed"): number {
  return tallies.reduce((total, tally) => total + tally[count], 0);
}
