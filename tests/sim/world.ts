import type { ServiceName } from "@shop/contracts/services";
import { deliveryService } from "@shop/delivery-service/service";
import { type Accounts, judgeAccounts, readAccounts } from "@shop/books/accounts";
import type { BrokerRecord } from "@shop/messaging/broker";
import { orchestratorService } from "@shop/orchestrator-service/service";
import { orderService } from "@shop/order-service/service";
import { productService } from "@shop/product-service/service";
import type { Participant } from "@shop/service/define-service";
import type { Breach } from "../harness/rules/rules.ts";
import type { Entry } from "../harness/load/journal.ts";
import { type Evidence, placeOf, readKeys, readMessages } from "../harness/rules/evidence.ts";
import { type LedgerRow, readLedgerOn } from "../harness/stage/ledger.ts";
import { envelopeOf } from "../harness/stage/topics.ts";
import { type Limits, PRODUCT_LIMITS } from "./limits.ts";
import { Kafka } from "./broker/kafka.ts";
import { Poisons } from "./poison.ts";
import { Replica } from "./replica.ts";
import { type Failing, failingAtTimes } from "./failing-handlers.ts";
import { Scheduler } from "./scheduler.ts";
import { Store } from "./store/store.ts";
import { Watchers } from "./watchers.ts";
import { RatedFaultInjector, type StepFault } from "./fault-rates.ts";

const PARTICIPANTS: readonly Participant[] = [orderService, productService, deliveryService, orchestratorService];

/** The least that a wait takes while a service is unavailable for minutes, in simulated milliseconds. */
const LEAST_SLEEP_MS = 30_000;
/** In simulated time, which does not depend on the machine. */
const DRAINED_WITHIN_MS = 30_000;

/** The databases of all services, kept from one run to the next. */
export class Stores {
  readonly #stores: ReadonlyMap<ServiceName, Store>;

  private constructor(stores: ReadonlyMap<ServiceName, Store>) {
    this.#stores = stores;
  }

  static async open(): Promise<Stores> {
    const stores = await Promise.all(PARTICIPANTS.map(async ({ name }) => [name, await Store.open(name)] as const));
    return new Stores(new Map(stores));
  }

  of(service: ServiceName): Store {
    const store = this.#stores.get(service);
    if (store === undefined) throw new Error(`${service} takes no part`);
    return store;
  }

  get all(): readonly Store[] {
    return [...this.#stores.values()];
  }

  async reset(): Promise<void> {
    await Promise.all(this.all.map((store) => store.reset()));
  }

  async close(): Promise<void> {
    for (const store of this.all) await store.close();
  }
}

export interface PoisonDeadLetter {
  readonly service: ServiceName;
  readonly id: string;
  readonly messageId: string;
}

export interface WorldOptions {
  readonly seed: number;
  readonly replicas: number;
  readonly stepFaults: ReadonlySet<StepFault>;
  readonly intensity: number;
  /** The product's own by default. */
  readonly limits?: Limits;
  readonly withoutBackground?: boolean;
  /** How many orders are watched, none by default. */
  readonly watched?: number;
}

/** The whole system, in one process and in simulated time. */
export class World {
  readonly scheduler: Scheduler;
  readonly kafka = new Kafka();
  readonly injector: RatedFaultInjector;
  readonly poisons: Poisons;
  readonly stores: Stores;
  readonly replicas: readonly Replica[];
  readonly journal: Entry[] = [];
  readonly watchers: Watchers;
  /** Where unreadable records were put, by the broker's history. */
  readonly injected = new Set<string>();

  constructor(stores: Stores, options: WorldOptions) {
    const { seed, replicas, stepFaults, intensity, limits = PRODUCT_LIMITS, withoutBackground = false } = options;
    this.stores = stores;
    this.scheduler = new Scheduler(seed);
    this.injector = new RatedFaultInjector(this.scheduler, stepFaults, intensity);
    this.poisons = new Poisons(this.scheduler);
    const around = {
      ...{ scheduler: this.scheduler, kafka: this.kafka, injector: this.injector, poisons: this.poisons, limits },
    };
    const network = { scheduler: this.scheduler, injector: this.injector, replicasOf: this.replicasOf };
    this.watchers = new Watchers(network, options.watched ?? 0);
    this.replicas = PARTICIPANTS.map((each) => {
      const participant = failingAtTimes(each, () => this.failing);
      return withoutBackground ? { ...participant, background: [] } : participant;
    }).flatMap((participant) =>
      Array.from(
        { length: replicas },
        (_, index) => new Replica(participant, index + 1, stores.of(participant.name), around),
      ),
    );
  }

  /** Whether anything that was done lets a step of a saga time out. */
  mayTimeOut = false;
  /** Messages that handlers fail at while they do: those of these keys, at one service. */
  failing: Failing | undefined;

  /** The service of which no replica runs, while there is one. */
  away: ServiceName | undefined;
  readonly #back: (() => void)[] = [];

  replicasOf = (service: string): readonly Replica[] =>
    this.replicas.filter(({ participant }) => participant.name === service);

  /** Ends lasting faults. */
  heal(): void {
    this.injector.end();
    this.failing = undefined;
    this.kafka.isAway = this.kafka.isComingBackEmpty;
    for (const store of this.stores.all) store.isAway = false;
    for (const replica of this.replicas) replica.thaw();
    if (this.away === undefined) this.scheduler.leastSleepMs = 0;
    this.scheduler.note("healed");
  }

  /** Has all replicas of a service gone for so long. Everybody else looks around less often meanwhile, so that it is soon played. */
  async sendAway(service: ServiceName, ms: number): Promise<void> {
    this.away = service;
    this.mayTimeOut = true;
    this.scheduler.leastSleepMs = LEAST_SLEEP_MS;
    for (const replica of this.replicasOf(service)) await replica.end();
    this.scheduler.after(ms, undefined, `${service} is back`, () => {
      this.away = undefined;
      this.scheduler.leastSleepMs = 0;
      for (const replica of this.replicasOf(service)) if (replica.process === undefined) replica.start();
      for (const tell of this.#back.splice(0)) tell();
    });
  }

  /** Resolves when no service is unavailable as a whole, and nothing sleeps any more as long as was meant for that time. */
  async untilAllAreBack(): Promise<void> {
    if (this.away === undefined) return;
    await new Promise<void>((resolve) => this.#back.push(resolve));
    await this.scheduler.sleep(LEAST_SLEEP_MS);
  }

  #stopsAt = Number.POSITIVE_INFINITY;
  /** Where the records lie that were there when everything was told to stop. */
  #onTime: ReadonlySet<string> = new Set();

  /** Stops all replicas, as SIGTERM does. */
  async stop(): Promise<void> {
    this.#stopsAt = this.scheduler.timeOfDay;
    this.#onTime = new Set(this.kafka.history().map(placeOf));
    await Promise.all(this.replicas.map((replica) => replica.stop()));
  }

  /** How many messages were written by work that was finished while everything stopped: they wait for the next start. */
  async #writtenWhileStopping(): Promise<number> {
    const since = new Date(this.#stopsAt);
    const counts = await Promise.all(
      this.stores.all.map(
        ({ monitor }) => monitor<{ n: number }[]>`
          select count(*)::int as n from outbox where sent_at is null and created_at >= ${since.toISOString()}`,
      ),
    );
    return counts.reduce((sum, [row]) => sum + (row?.n ?? 0), 0);
  }

  /** How the books stand. */
  accounts(): Promise<Accounts> {
    return readAccounts((name) => this.stores.of(name).monitor);
  }

  /** Whether messages are still on their way. */
  async isUnderWay(): Promise<boolean> {
    // The databases are asked only when the broker has nothing more to bring.
    if (this.kafka.held > 0 || PARTICIPANTS.some(({ name, messaging: { topics } }) => this.kafka.lag(name, topics) > 0))
      return true;
    // A message that failed is retried as long after as it has failed: within seconds, unless clocks or long absences say otherwise.
    const mustBeSettled = !this.mayTimeOut;
    const waiting = await this.scheduler.look(() =>
      Promise.all(
        this.stores.all.map(
          ({ monitor }) => monitor<{ any: boolean }[]>`
            select exists (select from outbox where sent_at is null)
              or (${mustBeSettled} and exists (select from dead_letter where blocks_key and replayed_at is null)) as any`,
        ),
      ),
    );
    return waiting.some(([row]) => row?.any);
  }

  /** The messages that became dead letters as poison, by service; only those that have not been replayed when `onlyOpen`. */
  async poisonDeadLetters(onlyOpen: boolean): Promise<readonly PoisonDeadLetter[]> {
    const perService = await this.scheduler.look(() =>
      Promise.all(
        this.stores.all.map(async ({ service, monitor }) =>
          (
            await monitor<{ id: string; messageId: string }[]>`
              select id, message_id as "messageId" from dead_letter
              where cause = 'PROCESS_KILLED' and not (${onlyOpen} and replayed_at is not null) order by seq`
          ).map((row) => ({ ...row, service })),
        ),
      ),
    );
    return perService.flat();
  }

  /** What the books say is not as it should be, and the keys that still wait behind a message that failed. */
  async unsettled(): Promise<readonly string[]> {
    const [books, held] = await this.scheduler.look(() => Promise.all([this.accounts(), this.#keysHeld()]));
    return [...judgeAccounts(books).map(({ text }) => text), ...held];
  }

  async #keysHeld(): Promise<readonly string[]> {
    const perService = await Promise.all(
      this.stores.all.map(
        ({ monitor }) =>
          monitor<{ key: string }[]>`select key from dead_letter where blocks_key and replayed_at is null`,
      ),
    );
    return perService.flat().map(({ key }) => `messages wait for ${key}`);
  }

  /**
   * Products of which the order service's copy is not what they are, though all that tells of them has been sent: what a process did as it stopped
   * waits for its next start.
   */
  async staleProducts(): Promise<readonly string[]> {
    const read = (service: ServiceName, id: string, from: string) =>
      this.stores
        .of(service)
        .monitor.unsafe<{ id: string; of: string }[]>(
          `select ${id} as id, concat_ws(' ', name, price, version, withdrawn) as of from ${from}`,
        );
    const copies = await read("order", "product_id", "catalogue");
    const copyOf = new Map(copies.map((row) => [row.id, row.of]));
    const told = `(
      select *, withdrawn_at is not null as withdrawn from product
      where not exists (select from outbox where key = product.id::text and sent_at is null)) as told`;
    const products = await read("product", "id", told);
    return products.flatMap(({ id, of }) =>
      copyOf.get(id) === of ? [] : [`product ${id} is ${of}, and ${copyOf.get(id)} in the catalogue`],
    );
  }

  /**
   * The unreadable records that the broker still has, and the dead letters but for those of unreadable records that it has lost: of these each
   * service may have set aside some.
   */
  #injectedAndDeadLettered(rows: Evidence["deadLetters"]): Pick<Evidence, "injected" | "deadLetters"> {
    const { kafka, injected } = this;
    if (kafka.wipes === 0) return { injected, deadLetters: rows };
    const places = new Set(kafka.records().map((record) => placeOf(kafka.inHistory(record))));
    const atSamePlace = new Set([...injected].map(kafka.placeSinceLoss));
    const now = rows.map((row) => kafka.inHistory(row));
    return {
      injected: injected.intersection(places),
      deadLetters: now.filter(
        (row) => injected.has(placeOf(row)) || !atSamePlace.has(kafka.placeSinceLoss(placeOf(row))),
      ),
    };
  }

  /** What is marked as sent, and not in the topics, since they were lost and it was not sent again. */
  notSentAgain(outbox: Evidence["outbox"]): readonly Breach[] {
    const { kafka } = this;
    if (kafka.wipes === 0) return [];
    const there = new Set(kafka.records().map((record) => toTopicRecord(record).messageId));
    return outbox.flatMap(({ service, messageId, sent, key, type }): readonly Breach[] =>
      !sent || there.has(messageId)
        ? []
        : [{ rule: "I7", orderId: key, text: `${type} of ${service} was lost by the broker, and is not sent again` }],
    );
  }

  async evidence(drainedAfterMs: number | undefined): Promise<Evidence> {
    const books = await this.accounts();
    const accounts = { ...books, unsent: books.unsent - (await this.#writtenWhileStopping()) };
    const ledgers = new Map<ServiceName, readonly LedgerRow[]>();
    for (const { service, monitor } of this.stores.all) ledgers.set(service, await readLedgerOn(monitor));
    const messages = await Promise.all(
      PARTICIPANTS.map(({ name }) => readMessages(name, this.stores.of(name).monitor)),
    );
    const rows = messages.flatMap(({ deadLetters }) => deadLetters);
    const { injected, deadLetters } = this.#injectedAndDeadLettered(rows);
    return {
      ...{
        journal: this.journal,
        injected,
        broughtForward: new Set([...this.kafka.late].map(idOf)),
        tooLate: new Set(this.kafka.history().map(placeOf)).difference(this.#onTime),
        drainedAfterMs,
        drainWithinMs: DRAINED_WITHIN_MS,
        mayTimeOut: this.mayTimeOut,
      },
      ...{ accounts, ledgers },
      outbox: messages.flatMap(({ outbox }) => outbox),
      deadLetters,
      orderOfKey: await readKeys(this.stores.of("order").monitor),
      records: this.kafka.history().map(toTopicRecord),
    };
  }
}

const idOf = (value: string) => envelopeOf(Buffer.from(value)).messageId ?? "";

function toTopicRecord({ topic, partition, offset, key, value }: BrokerRecord): Evidence["records"][number] {
  return { topic, partition, offset, key, ...envelopeOf(value === null ? null : Buffer.from(value)) };
}
