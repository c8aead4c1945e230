import { type ServiceName, topics } from "@shop/contracts/services";
import { placeOf } from "../harness/rules/evidence.ts";
import { atFirstTries, atKeys } from "./failing-handlers.ts";
import type { World } from "./world.ts";

/** Faults that strike the system from time to time, beside those of single steps. */
export interface WorldFault {
  readonly name: string;
  /** The part of the runs that it is in, unless it is the usual one. */
  readonly part?: number;
  /** The pause between two times, on average, in simulated milliseconds. */
  readonly everyMs: number;
  /** Done in a turn of the scheduler's own. */
  readonly strike: (world: World) => Promise<void> | void;
}

const anyReplica = ({ scheduler, replicas }: World) => scheduler.pick(replicas);
const anyService = ({ scheduler, stores }: World): ServiceName => scheduler.pick(stores.all)?.service ?? "order";

/** The rows of the last orders, and the one of all products. */
const LOCKABLE: Readonly<Record<string, string>> = {
  order: "select from orders where id in (select id from orders order by id desc limit 4) for update skip locked",
  product: "select from product where id in (select id from product order by id limit 1) for update skip locked",
  delivery:
    "select from delivery where id in (select id from delivery order by id desc limit 4) for update skip locked",
  orchestrator: "select from saga where id in (select id from saga order by id desc limit 4) for update skip locked",
};

/** Has a session of somebody else, such as an operator's, hold locks of rows for as long as messages wait for one, or longer. */
async function lockRows(world: World): Promise<void> {
  const { scheduler, stores } = world;
  const store = stores.of(anyService(world));
  const sql = LOCKABLE[store.service];
  if (sql === undefined || store.isAway) return;
  scheduler.note(`somebody locks rows of ${store.service}`);
  const session = await scheduler.outside(store.take());
  session.inTransaction = true;
  await scheduler.outside(session.client.unsafe("begin").then(() => session.client.unsafe(sql)));
  scheduler.after(scheduler.between(100, 2_500), undefined, `the rows of ${store.service} are free`, async () => {
    await scheduler.outside(session.client.unsafe("rollback"));
    session.inTransaction = false;
    store.giveBack(session);
    await store.release(scheduler);
  });
}

/** A message that is handled alone is a dead letter after three. */
const MOST_TRIES_FAILED = 9;
const HOUR_MS = 3_600_000;
const utf8 = new TextEncoder();
const UNREADABLE = [null, utf8.encode("{"), utf8.encode(`{"specversion":"1.0"}`), new Uint8Array([0xff, 0xfe, 0x00])];
/** On both sides of the deadline of a step (`deadlineMs` in `services/orchestrator/src/sagas/order.saga.ts`) and the minute after which that is looked at, in simulated milliseconds. */
const ABSENCE_MS = [7 * 60_000, 15 * 60_000] as const;

export const WORLD_FAULTS: readonly WorldFault[] = [
  { name: "kills", everyMs: 1_500, strike: (world) => anyReplica(world)?.crash() },
  {
    name: "freezes",
    everyMs: 2_500,
    strike: (world) =>
      anyReplica(world)?.freeze(world.scheduler.between(200, world.scheduler.chance(0.3) ? 12_000 : 2_500)),
  },
  {
    name: "rebalances",
    everyMs: 800,
    strike(world) {
      const group = anyService(world);
      world.scheduler.note(`the group ${group} is dealt out anew`);
      world.kafka.rebalance(group);
    },
  },
  {
    name: "the broker away",
    everyMs: 4_000,
    strike({ kafka, scheduler }) {
      if (kafka.isAway) return;
      kafka.isAway = true;
      scheduler.note("the broker goes away");
      scheduler.after(
        scheduler.between(300, 6_000),
        undefined,
        "the broker is back",
        () => void (kafka.isAway = false),
      );
    },
  },
  {
    name: "databases away",
    everyMs: 3_000,
    async strike(world) {
      const { scheduler, stores, replicasOf } = world;
      const store = scheduler.pick(stores.all);
      if (store === undefined || store.isAway) return;
      store.isAway = true;
      scheduler.note(`the database of ${store.service} goes away`);
      scheduler.after(scheduler.between(100, 2_500), undefined, `the database of ${store.service} is back`, () => {
        store.isAway = false;
      });
      for (const replica of replicasOf(store.service)) await replica.loseConnections();
    },
  },
  {
    name: "broken connections",
    everyMs: 500,
    async strike(world) {
      const replica = anyReplica(world);
      world.scheduler.note(`the database ends the connections of ${replica?.name}`);
      await replica?.loseConnections();
    },
  },
  {
    name: "replays",
    everyMs: 3_000,
    strike(world) {
      const group = anyService(world);
      world.scheduler.note(`the group ${group} reads everything again`);
      world.kafka.rewind(group);
    },
  },
  {
    name: "steps of clocks",
    everyMs: 4_000,
    strike(world) {
      const replica = anyReplica(world);
      const offsetMs = Math.round(world.scheduler.between(-HOUR_MS, HOUR_MS));
      world.mayTimeOut = true;
      world.scheduler.note(`the clock of ${replica?.name} is off by ${offsetMs} ms`);
      replica?.setClock(offsetMs);
    },
  },
  {
    name: "late timers",
    everyMs: 2_000,
    strike({ scheduler, away }) {
      if (away !== undefined) return;
      scheduler.leastSleepMs = scheduler.chance(0.3) ? 0 : scheduler.between(200, 3_000);
      scheduler.note(`what waits is woken after ${Math.round(scheduler.leastSleepMs)} ms or later`);
    },
  },
  {
    name: "stops",
    everyMs: 2_500,
    strike(world) {
      const { scheduler } = world;
      const replica = anyReplica(world);
      if (replica?.process === undefined) return;
      void replica.stop().then(() =>
        scheduler.after(scheduler.between(50, 2_000), undefined, "", () => {
          if (replica.process === undefined) replica.start();
        }),
      );
    },
  },
  {
    name: "failing handlers",
    everyMs: 1_500,
    strike(world) {
      const { scheduler } = world;
      if (world.failing !== undefined) return;
      const digits = Array.from({ length: 8 }, () => scheduler.pick([..."0123456789abcdef"]) ?? "").join("");
      const ofMessages = scheduler.chance(0.5);
      const failing = {
        service: anyService(world),
        failsAt: ofMessages
          ? atFirstTries(digits, () => Math.ceil(scheduler.random() * MOST_TRIES_FAILED))
          : atKeys(digits),
      };
      world.failing = failing;
      const what = ofMessages ? "the first tries of messages with ids" : "keys";
      scheduler.note(`handlers of ${failing.service} fail for ${what} that end in one of ${digits}`);
      const [least, most] = ofMessages ? [4_000, 10_000] : [500, 6_000];
      scheduler.after(scheduler.between(least, most), undefined, `handlers of ${failing.service} fail no more`, () => {
        if (world.failing === failing) world.failing = undefined;
      });
    },
  },
  {
    name: "poison messages",
    ...{ part: 0.2, everyMs: 4_000 },
    strike: (world) => world.poisons.inject(anyService(world)),
  },
  {
    name: "duplicates",
    everyMs: 300,
    strike({ scheduler, kafka, injected }) {
      // After a loss relays are the only ones who write, or what others fill a partition with would hide it.
      if (kafka.wipes > 0) return;
      // A copy of what has come just now may stand in one batch with it.
      const record = scheduler.pick(scheduler.chance(0.5) ? kafka.recent : kafka.records());
      if (record === undefined || injected.has(placeOf(kafka.inHistory(record)))) return;
      kafka.appendRaw(record.topic, record.partition, record.key, record.value);
      scheduler.note(`a copy of ${placeOf(record)} comes behind it`);
    },
  },
  {
    name: "stalled readers",
    everyMs: 2_000,
    strike(world) {
      const { kafka, scheduler } = world;
      const group = anyService(world);
      if (kafka.isStalled(group)) return;
      kafka.stall(group, true);
      scheduler.note(`the group ${group} is brought nothing`);
      scheduler.after(scheduler.between(200, 3_000), undefined, `the group ${group} is brought records`, () =>
        kafka.stall(group, false),
      );
    },
  },
  {
    name: "rows locked by others",
    everyMs: 1_500,
    strike: (world) => lockRows(world),
  },
  {
    name: "unreadable records",
    everyMs: 1_500,
    strike({ scheduler, kafka, injected }) {
      if (kafka.wipes > 0) return;
      const topic = scheduler.pick(topics) ?? "order.events";
      const partition = kafka.partitionOf(String(scheduler.random()));
      const record = kafka.appendRaw(topic, partition, "unreadable", scheduler.pick(UNREADABLE) ?? null);
      injected.add(placeOf(kafka.inHistory(record)));
      scheduler.note(`an unreadable record is at ${placeOf(record)}`);
    },
  },
  {
    name: "a service away for minutes",
    // Minutes take as long to play as many seconds of faults.
    ...{ part: 0.1, everyMs: 3_000 },
    async strike(world) {
      const { scheduler } = world;
      const service = anyService(world);
      if (world.away !== undefined) return;
      const back = scheduler.between(...ABSENCE_MS);
      scheduler.note(`${service} goes away for ${Math.round(back)} ms`);
      await world.sendAway(service, back);
    },
  },
  {
    name: "lost data of the broker",
    everyMs: 5_000,
    part: 0.2,
    // Relays count on it that no broker comes back with nothing sooner than within two seconds.
    strike({ scheduler, kafka }) {
      if (kafka.isAway) return;
      kafka.isAway = true;
      kafka.isComingBackEmpty = true;
      kafka.wipe();
      scheduler.note("the broker has lost all that it had, and is away");
      scheduler.after(scheduler.between(2_200, 6_000), undefined, "the broker is back, with nothing", () => {
        kafka.isAway = false;
        kafka.isComingBackEmpty = false;
      });
    },
  },
];

/** Has the faults come, each on its own, until it is told to end. @returns how to tell it */
export function injectFaults(world: World, faults: readonly WorldFault[]): () => void {
  const { scheduler } = world;
  let isOver = false;
  const next = (fault: WorldFault) => {
    // As often as if each moment were as likely as any other.
    const pauseMs = -Math.log(1 - scheduler.random()) * fault.everyMs;
    scheduler.after(pauseMs, undefined, "", async () => {
      if (isOver) return;
      next(fault);
      await fault.strike(world);
    });
  };
  for (const fault of faults) next(fault);
  return () => {
    isOver = true;
  };
}
