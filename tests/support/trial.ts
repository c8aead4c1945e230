import { eventually } from "@shop/testing/eventually";
import { assemble } from "../chaos/load/cast.ts";
import { answersByStatus, type Entry } from "../chaos/load/journal.ts";
import { type Habits, runLoad, usualHabits } from "../chaos/load/load.ts";
import { type Depths, gather } from "../chaos/rules/evidence.ts";
import { type Breach, judge } from "../chaos/rules/rules.ts";
import { keepLedger } from "../chaos/stage/ledger.ts";
import { untilQuiet } from "../chaos/stage/quiet.ts";
import { participants } from "../chaos/stage/stage.ts";

export interface TrialOptions {
  readonly url: string;
  /** Asked when the system has just come up, and again when all is healed. */
  readonly depths: () => Promise<Depths>;
  /** Everything in it is up again when it resolves. */
  readonly harm: () => Promise<void>;
  /** Repeats what every trial with this seed asks for. */
  readonly seed: number;
  readonly habits?: Partial<Habits>;
}

export interface Verdict {
  readonly orders: number;
  readonly answers: Readonly<Record<string, number>>;
  readonly journal: readonly Entry[];
  /** After the heal, in milliseconds; undefined when it did not come to rest in time. */
  readonly quietAfterMs: number | undefined;
  readonly breaches: readonly Breach[];
  /** Calls that were never answered, and what was still unsettled in the end. */
  readonly failures: readonly string[];
}

const STOCKS = [100_000, 100_000, 100_000, 100];
/** A saga that has lost an answer asks again after at most a minute. */
const QUIET_WITHIN_MS = 120_000;

/** People order, cancel and deliver while harm is done; then what is left is judged by every rule. */
export async function trial({ url, depths, harm, seed, habits = {} }: TrialOptions): Promise<Verdict> {
  const before = await depths();
  for (const name of participants) await keepLedger(name, before.superuserUrl(name));
  const journal: Entry[] = [];
  // A busy host may answer with 503 what nobody may ask for twice, such as a new product.
  const assembled = () => assemble(url, STOCKS, (entry) => journal.push(entry));
  const cast = await eventually(assembled, { deadlineMs: 90_000, pauseMs: 1_000 });
  const [healed, giveUp] = [new AbortController(), new AbortController()];
  const load = runLoad(cast, { ...usualHabits, ...habits }, seed, healed.signal, giveUp.signal);
  await harm().finally(() => healed.abort());
  const healedAt = performance.now();
  const patience = setTimeout(() => giveUp.abort(), QUIET_WITHIN_MS);
  const unanswered = await load;
  clearTimeout(patience);
  const now = await depths();
  const { quietAfterMs, drainedAfterMs, left } = await untilQuiet(now, healedAt, QUIET_WITHIN_MS);
  const none: ReadonlySet<string> = new Set();
  const evidence = await gather(now, { journal, planted: none, broughtForward: none, drainedAfterMs });
  return {
    orders: evidence.accounts.orders.length,
    ...{ answers: answersByStatus(journal), journal, quietAfterMs },
    breaches: judge(evidence),
    failures: [...unanswered, ...left],
  };
}
