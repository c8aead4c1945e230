import { type Actors, runLoad } from "../harness/load/load.ts";
import { ALL_RULES, type Breach, judge, type Rule } from "../harness/rules/rules.ts";
import { injectFaults } from "./faults.ts";
import { replayDeadLetterAt, simulatedClient } from "./clients.ts";
import type { Plan } from "./plan.ts";
import { isPlaced } from "../harness/rules/promises.ts";
import { lastOrders } from "./last-orders.ts";
import { judgeList } from "./lists.ts";
import { churnCatalogue } from "./catalogue-churn.ts";
import { type Stores, World } from "./world.ts";

export interface Verdict {
  readonly seed: number;
  readonly breaches: readonly Breach[];
  /** The rules that it was judged by. */
  readonly judged: readonly Rule[];
  /** What happened, in its order. */
  readonly trace: readonly string[];
  readonly orders: number;
  /** Simulated milliseconds. */
  readonly tookMs: number;
}

const LOOK_MS = 500;
const ORDERABLE_WITHIN_MS = 30_000;
const REPLAY_PAUSE_MS = 2_000;
/** Several times as long as an order service looks away from watched orders at most, in simulated milliseconds. */
const TOLD_WITHIN_MS = 10_000;
/** Longer than any service is unavailable, in simulated milliseconds. */
const POISON_FOUND_WITHIN_MS = 20 * 60_000;

/** Plays a whole system by a plan, waits until it is idle, and judges what is left of it. */
export async function simulate(stores: Stores, plan: Plan): Promise<Verdict> {
  await stores.reset();
  const world = new World(stores, plan);
  const { scheduler } = world;
  const { drainedAfterMs, unanswered, poisonFound, atRest } = await scheduler.drive(play(world, plan));
  const evidence = await world.evidence(drainedAfterMs);
  const judged = rulesAfter(world);
  const breaches = [
    ...judge(evidence, judged),
    ...atRest,
    ...(await world.watchers.judge(stores.of("order").monitor)),
    ...unanswered.map((text): Breach => ({ rule: "I8", text })),
    ...(await world.staleProducts()).map((text): Breach => ({ rule: "I5", text })),
    ...world.poisons.judge([...poisonFound]),
    ...(judged.includes("I7") ? world.notSentAgain(evidence.outbox) : []),
    ...stores.all.flatMap(({ service, violations }) =>
      violations.map((text): Breach => ({ rule: "I4", text: `the database of ${service} had to refuse: ${text}` })),
    ),
  ];
  return {
    seed: plan.seed,
    breaches,
    judged,
    trace: scheduler.trace,
    orders: evidence.accounts.orders.length,
    tookMs: scheduler.now,
  };
}

/** All rules, but for what cannot hold after a loss of the broker's data that a relay could not see in time, or not at all. */
function rulesAfter({ kafka }: World): readonly Rule[] {
  const { wasPublishedUnaware, wasFilledByLate } = kafka;
  return ALL_RULES.filter(
    (rule) => (rule !== "I5" || !(wasPublishedUnaware || wasFilledByLate)) && (rule !== "I7" || !wasFilledByLate),
  );
}

interface Rest {
  readonly drainedAfterMs: number | undefined;
  readonly unanswered: readonly string[];
  /** The messages that became dead letters as poison. */
  readonly poisonFound: ReadonlySet<string>;
  /** What customers found to be wrong when all had come to rest. */
  readonly atRest: readonly Breach[];
}

async function play(
  world: World,
  { seed, habits, faultsForMs, quietWithinMs, worldFaults, stocks }: Plan,
): Promise<Rest> {
  const { scheduler, injector } = world;
  for (const replica of world.replicas) replica.start();
  const actors = await assemble(world, stocks);
  const giveUp = new AbortController();
  const faultsDone = new AbortController();
  const shop = churnCatalogue(scheduler, actors.admin, actors.productIds, faultsDone.signal);
  const customers = runLoad(actors, habits, seed, faultsDone.signal, giveUp.signal, (ms) =>
    scheduler.sleep(ms >= 100 ? Math.max(ms, scheduler.leastSleepMs) : ms),
  );
  const load = Promise.all([customers, shop]).then(([unanswered]) => unanswered);
  injector.begin();
  const endFaults = injectFaults(world, worldFaults);
  await scheduler.sleep(faultsForMs);
  endFaults();
  faultsDone.abort();
  await untilPoisonIsFound(world);
  world.heal();
  await world.untilAllAreBack();
  const healedAt = scheduler.now;
  scheduler.after(quietWithinMs, undefined, "", () => giveUp.abort());
  const isQuiet = new AbortController();
  const operator = replayPoison(world, isQuiet.signal);
  const drainedAfterMs = await untilQuiet(world, healedAt + quietWithinMs, load);
  isQuiet.abort();
  const poisonFound = await operator;
  const unanswered = await load;
  // Where clocks are wrong an order may time out.
  const last = drainedAfterMs === undefined || world.mayTimeOut ? [] : await lastOrders(scheduler, actors);
  if (last.length === 0) await untilQuiet(world, scheduler.now + quietWithinMs, load);
  const lists = drainedAfterMs === undefined ? [] : await judgeLists(world, actors);
  const toldBefore = scheduler.now + TOLD_WITHIN_MS;
  const untold = () => scheduler.look(() => world.watchers.judge(world.stores.of("order").monitor));
  while (scheduler.now < toldBefore && (await untold()).length > 0) await scheduler.sleep(LOOK_MS);
  await world.watchers.leave();
  await world.stop();
  await scheduler.sleep(1);
  return { drainedAfterMs, unanswered, poisonFound, atRest: [...last, ...lists] };
}

/** Waits until poison messages are dead letters; what is deployed then can handle them. */
async function untilPoisonIsFound(world: World): Promise<void> {
  const { scheduler, poisons } = world;
  const until = scheduler.now + POISON_FOUND_WITHIN_MS;
  const isAwaited = async () =>
    poisons.awaited((await world.poisonDeadLetters(false)).map(({ messageId }) => messageId)).length > 0;
  while (poisons.any && scheduler.now < until && (await isAwaited())) await scheduler.sleep(LOOK_MS);
  poisons.cure();
}

/** An admin who replays what became a dead letter as poison, until told to stop. @returns the ids of those messages */
async function replayPoison(world: World, signal: AbortSignal): Promise<ReadonlySet<string>> {
  const { scheduler, injector, replicasOf } = world;
  const found = new Set((await world.poisonDeadLetters(false)).map(({ messageId }) => messageId));
  while (!signal.aborted) {
    for (const { service, id, messageId } of await world.poisonDeadLetters(true)) {
      found.add(messageId);
      await replayDeadLetterAt({ scheduler, injector, replicasOf }, service, id);
    }
    await scheduler.sleep(REPLAY_PAUSE_MS);
  }
  return found;
}

/** @returns when nothing was under way any more, in simulated milliseconds after the heal; undefined when it never came to that */
async function untilQuiet(world: World, until: number, load: Promise<unknown>): Promise<number | undefined> {
  const { scheduler } = world;
  const healedAt = scheduler.now;
  let drainedAfterMs: number | undefined;
  let isLoadOver = false;
  void load.then(() => (isLoadOver = true));
  while (scheduler.now < until) {
    await scheduler.sleep(LOOK_MS);
    if (await world.isUnderWay()) continue;
    drainedAfterMs ??= scheduler.now - healedAt;
    if (isLoadOver && (await world.unsettled()).length === 0) break;
  }
  return drainedAfterMs;
}

/** What the lists show of all that there is. */
async function judgeLists(
  { scheduler, stores }: World,
  { admin, customers, riders }: Actors,
): Promise<readonly Breach[]> {
  const idsOf = async (service: "order" | "delivery" | "orchestrator", rows: string) => {
    const found = await scheduler.look(async () =>
      stores.of(service).monitor.unsafe<{ id: string }[]>(`select id from ${rows}`),
    );
    return found.map(({ id }) => id);
  };
  const breaches: Breach[] = [];
  for (const [index, customer] of customers.entries()) {
    const own = await idsOf("order", `orders where customer_id = '${idOf(CUSTOMER_TAILS[index] ?? "")}'`);
    breaches.push(...(await judgeList(customer, "/api/orders", own)));
  }
  const waiting = await idsOf("delivery", "delivery where status = 'PENDING'");
  breaches.push(...(await judgeList(riders[0], "/api/deliveries?status=PENDING", waiting)));
  if (admin === undefined) return breaches;
  breaches.push(...(await judgeList(admin, "/api/orders", await idsOf("order", "orders"))));
  const going = await idsOf("orchestrator", "saga where status = 'RUNNING'");
  breaches.push(...(await judgeList(admin, "/api/sagas?status=RUNNING", going)));
  return breaches;
}

const CUSTOMER_TAILS = ["c1", "c2"];
const idOf = (tail: string) => `00000000-0000-7000-8000-${tail.padStart(12, "0")}`;

/**
 * Everybody who takes part, and products that can be ordered.
 * @param stocks of each product, the first of which is always enough
 */
export async function assemble(
  world: World,
  stocks: readonly number[],
): Promise<Actors & Required<Pick<Actors, "admin">>> {
  const { scheduler, injector, replicasOf, journal } = world;
  const network = { scheduler, injector, replicasOf };
  const loadClient = (name: string, role: string, tail: string) =>
    simulatedClient(name, { role, id: idOf(tail) }, network, (entry) => {
      journal.push(entry);
      if (isPlaced(entry) && entry.orderId !== undefined) world.watchers.watch(entry.orderId, `${role} ${idOf(tail)}`);
    });
  const admin = loadClient("admin", "admin", "a1");
  const productIds: string[] = [];
  for (const [index, stock] of stocks.entries()) {
    const json = { name: `Product ${index}`, price: 1_000, currency: "KRW", stock };
    const { body } = await admin.call("POST", "/api/products", { json });
    productIds.push(String(body["id"]));
  }
  for (let known = 0; known < stocks.length;) {
    if (scheduler.now > ORDERABLE_WITHIN_MS)
      throw new Error("the products cannot be ordered, though nothing went wrong yet");
    await scheduler.sleep(100);
    const [row] = await scheduler.look(
      async () => world.stores.of("order").monitor<{ n: number }[]>`select count(*)::int as n from catalogue`,
    );
    known = row?.n ?? 0;
  }
  return {
    admin,
    customers: CUSTOMER_TAILS.map((tail, index) =>
      loadClient(`customer${index === 0 ? "" : index + 1}`, "customer", tail),
    ),
    riders: [loadClient("rider", "rider", "d1"), loadClient("rider2", "rider", "d2")],
    productIds,
    plenty: productIds[0] ?? "",
  };
}
