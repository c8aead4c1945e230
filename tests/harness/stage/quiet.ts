import { judgeAccounts, readAccounts } from "@shop/books/accounts";
import type { Stage } from "./stage.ts";
import { lagOf } from "./topics.ts";

export interface Quiet {
  /** When the books balanced, nothing was unsent and nobody lagged, in milliseconds after the heal; undefined when it never came to that. */
  readonly quietAfterMs: number | undefined;
  /** The same without the books. */
  readonly drainedAfterMs: number | undefined;
  /** What was still unsettled when it was given up. */
  readonly left: readonly string[];
}

const PAUSE_MS = 300;

/** Waits until the system is idle. What cannot be asked yet, because it is only coming up again, is asked again. */
export async function untilQuiet(
  stage: Pick<Stage, "databaseUrls" | "client">,
  healedAt: number,
  withinMs: number,
): Promise<Quiet> {
  let drainedAfterMs: number | undefined;
  let left: readonly string[] = [];
  for (;;) {
    try {
      const accounts = await readAccounts(stage.databaseUrls);
      const lag = await lagOf(stage.client);
      const afterMs = performance.now() - healedAt;
      if (accounts.unsent === 0 && lag === 0) drainedAfterMs ??= afterMs;
      left = [
        ...judgeAccounts(accounts).map(({ text }) => text),
        ...(lag === 0 ? [] : [`${lag} messages not handled`]),
      ];
      if (left.length === 0) return { quietAfterMs: afterMs, drainedAfterMs, left };
    } catch (error) {
      left = [error instanceof Error ? error.message : String(error)];
    }
    if (performance.now() - healedAt > withinMs) return { quietAfterMs: undefined, drainedAfterMs, left };
    await Bun.sleep(PAUSE_MS);
  }
}
