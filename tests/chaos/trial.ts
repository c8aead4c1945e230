import { watchEventLoopLag } from "@shop/runtime/event-loop-lag";
import { eventually } from "@shop/testing/eventually";
import { EVERYTHING, type Least } from "./fault.ts";
import { assemble } from "../harness/load/actors.ts";
import { answersByStatus, type Entry, problemsByCode } from "../harness/load/journal.ts";
import { type Actors, type Habits, runLoad, usualHabits } from "../harness/load/load.ts";
import { type Deeds, type Depths, gather } from "../harness/rules/evidence.ts";
import { type Breach, judge, type Rule } from "../harness/rules/rules.ts";
import { untilQuiet } from "../harness/stage/quiet.ts";

export interface TrialOptions {
  readonly url: string;
  /** Asked when all is healed: where the databases and the broker are may have changed by then. */
  readonly depths: () => Promise<Depths>;
  /** Everything in the system is up again when it resolves. */
  readonly injectFaults: () => Promise<void>;
  /** Records of the harness' own among the system's, if there are any. */
  readonly deeds?: Pick<Deeds, "injected" | "broughtForward">;
  /** Repeats what every trial with this seed asks for. */
  readonly seed: number;
  readonly habits?: Partial<Habits>;
  /** Of the products that are ordered. */
  readonly stocks?: readonly number[];
  readonly rules?: readonly Rule[];
  /** Statuses that any call may be answered with by these faults. */
  readonly mayAnswer?: readonly number[];
  /** Whether orders may time out by these faults. */
  readonly mayTimeOut?: boolean;
  /** What must have been done at least for the run to say anything. */
  readonly least?: Least;
  /** Every answer is written to its end. */
  readonly journal?: Entry[];
  /** Told what is going on. */
  readonly note?: (text: string) => void;
}

export interface Verdict {
  /** How many were answered with 201. */
  readonly orders: number;
  readonly answers: Readonly<Record<string, number>>;
  /** Requests by the code of the problem that they were answered with. */
  readonly problems: Readonly<Record<string, number>>;
  /** How late the program that makes the calls was itself, at most, in milliseconds. */
  readonly callersLateMs: number;
  /** After the heal, in milliseconds; undefined when it did not come to rest in time. */
  readonly quietAfterMs: number | undefined;
  readonly breaches: readonly Breach[];
  /** What else went wrong: calls that were never answered, what was still unsettled in the end, orders after the heal that were not served. */
  readonly failures: readonly string[];
}

/** What a slow machine does in the shortest run, several times over. */
const LEAST: Least = { placed: 20, completed: 5, cancelled: 2 };
const STOCKS = [100_000, 100_000, 100_000, 100];
/** A saga that has lost an answer asks again after at most a minute; the rest is for a slow machine. It ends what hangs: how long it took is told. */
const QUIET_WITHIN_MS = 300_000;
const CALM_BEFORE_MS = 2_000;
const LAST_ORDERS = 5;
const NONE: ReadonlySet<string> = new Set();

/** Clients order, cancel and deliver while faults are injected; when all is idle, what is left is judged. */
export async function trial({
  url,
  depths,
  injectFaults,
  deeds = { injected: NONE, broughtForward: NONE },
  seed,
  habits = {},
  stocks = STOCKS,
  rules = EVERYTHING,
  mayAnswer = [],
  mayTimeOut = false,
  least = LEAST,
  journal = [],
  note = () => undefined,
}: TrialOptions): Promise<Verdict> {
  const failures: string[] = [];
  // A busy host may answer with 503 what nobody may ask for twice, such as a new product.
  const assembled = () => assemble(url, stocks, (entry) => journal.push(entry));
  const actors = await eventually(assembled, { deadlineMs: 90_000, pauseMs: 1_000 });
  const [healed, giveUp] = [new AbortController(), new AbortController()];

  note("orders come, and faults are injected");
  const eventLoopLag = watchEventLoopLag();
  const load = runLoad(actors, { ...usualHabits, ...habits }, seed, healed.signal, giveUp.signal);
  await Bun.sleep(CALM_BEFORE_MS);
  await injectFaults().catch((error: unknown) => {
    failures.push(
      `the faults could not be injected or reverted: ${error instanceof Error ? error.message : String(error)}`,
    );
  });
  healed.abort();
  const healedAt = performance.now();

  note("healed; waiting for the last calls and for quiet");
  const giveUpTimer = setTimeout(() => giveUp.abort(), QUIET_WITHIN_MS);
  failures.push(...(await load));
  clearTimeout(giveUpTimer);
  eventLoopLag.stop();
  const now = await depths();
  const { quietAfterMs, drainedAfterMs, left } = await untilQuiet(now, healedAt, QUIET_WITHIN_MS);
  if (quietAfterMs === undefined) failures.push(...left);
  failures.push(...(await serveLastOrders(actors, seed, journal)));
  const { left: leftInTheEnd } = await untilQuiet(now, performance.now(), QUIET_WITHIN_MS);
  failures.push(...leftInTheEnd);

  failures.push(...tooLittle(journal, least));

  note("reading the databases, the topics and the journal");
  const drained = { drainedAfterMs, drainWithinMs: QUIET_WITHIN_MS };
  const evidence = await gather(now, { journal, mayAnswer, mayTimeOut, ...deeds, ...drained });
  return {
    orders: new Set(journal.flatMap(({ status, orderId }) => (status === 201 ? (orderId ?? []) : []))).size,
    ...{ answers: answersByStatus(journal), problems: problemsByCode(journal), quietAfterMs, failures },
    callersLateMs: eventLoopLag.worstMs(),
    breaches: judge(evidence, rules),
  };
}

/** What was done less often than it must be, as sentences. */
function tooLittle(journal: readonly Entry[], least: Least): readonly string[] {
  const ordersOf = (status: number, end: string) =>
    new Set(
      journal.flatMap((entry) => (entry.status === status && entry.call.endsWith(end) ? (entry.orderId ?? []) : [])),
    ).size;
  const done: Least = {
    placed: ordersOf(201, "/api/orders"),
    completed: ordersOf(200, "/complete"),
    cancelled: ordersOf(202, "/api/orders/{id}/cancel"),
  };
  return (["placed", "completed", "cancelled"] as const).flatMap((what) =>
    done[what] >= least[what] ? [] : `only ${done[what]} orders were ${what}: ${least[what]} are the least`,
  );
}

/** Some further orders, all of which are delivered. @returns a sentence when they were not all served */
async function serveLastOrders(actors: Actors, seed: number, journal: readonly Entry[]): Promise<readonly string[]> {
  const before = journal.length;
  const habits = { ...usualHabits, completed: 1, cancelled: 0, failed: 0, raced: 0, orders: LAST_ORDERS };
  const giveUp = AbortSignal.timeout(QUIET_WITHIN_MS);
  const ofPlenty = { ...actors, productIds: [actors.plenty] };
  const missed = await runLoad(ofPlenty, habits, seed + 1_000_000, new AbortController().signal, giveUp);
  const completed = journal.slice(before).filter(({ call, status }) => call.endsWith("/complete") && status === 200);
  const served = new Set(completed.map(({ orderId }) => orderId));
  if (missed.length === 0 && served.size === LAST_ORDERS) return [];
  return [`after the heal only ${served.size} of ${LAST_ORDERS} orders were served: ${missed.join("; ")}`];
}
