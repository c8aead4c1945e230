import { type ServiceName, topics } from "@shop/contracts/services";
import { type Accounts, readAccounts } from "@shop/books/accounts";
import postgres from "postgres";
import type { Entry } from "../load/journal.ts";
import { type LedgerRow, readLedger } from "../stage/ledger.ts";
import { type ParticipantName, participants } from "@shop/contracts/services";
import type { Stage } from "../stage/stage.ts";
import { readTopics, type TopicRecord } from "../stage/topics.ts";

export interface OutboxRow {
  readonly service: ServiceName;
  readonly id: number;
  readonly topic: string;
  readonly key: string;
  readonly messageId: string;
  readonly type: string;
  readonly sent: boolean;
}

export interface DeadLetter {
  readonly service: ServiceName;
  readonly cause: string;
  readonly detail: string;
  readonly key: string | null;
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
}

/** Where a record lies. */
export const placeOf = (at: { readonly topic: string; readonly partition: number; readonly offset: string }) =>
  `${at.topic}:${at.partition}:${at.offset}`;

/** All that is known of a run when it is idle. */
export interface Evidence {
  readonly accounts: Accounts;
  readonly ledgers: ReadonlyMap<ServiceName, readonly LedgerRow[]>;
  readonly outbox: readonly OutboxRow[];
  readonly records: readonly TopicRecord[];
  readonly deadLetters: readonly DeadLetter[];
  /** Orders by the idempotency key under which they were placed. */
  readonly orderOfKey: ReadonlyMap<string, string>;
  readonly journal: readonly Entry[];
  /** Records of the harness' own: unreadable ones, which must become dead letters, … */
  readonly injected: ReadonlySet<string>;
  /** … and ids of messages that it brought forward, so that their order says nothing. */
  readonly broughtForward: ReadonlySet<string>;
  /** Statuses that any call may be answered with by what was done, such as 401 where clocks disagree. */
  readonly mayAnswer?: readonly number[];
  /** Whether anything kept a service away for as long as a step may take, or moved a clock by as much. */
  readonly mayTimeOut?: boolean;
  /** Records that came when everything was told to stop already, so that nobody may be left to read them; none when nothing is stopped. */
  readonly tooLate?: ReadonlySet<string>;
  /** How long after the heal nothing was unsent and nobody lagged; undefined when it never came to that. */
  readonly drainedAfterMs: number | undefined;
  /** How long that may take, in milliseconds. */
  readonly drainWithinMs: number;
}

export type Deeds = Pick<
  Evidence,
  "journal" | "injected" | "broughtForward" | "drainedAfterMs" | "drainWithinMs" | "mayAnswer" | "mayTimeOut"
>;

/** The databases and the broker of a system, past all that is in between. */
export type Depths = Pick<Stage, "databaseUrls" | "superuserUrl" | "client">;

/** Reads the databases and the topics. */
export async function gather(stage: Depths, deeds: Deeds): Promise<Evidence> {
  const ledgers = new Map<ServiceName, readonly LedgerRow[]>();
  for (const name of participants) ledgers.set(name, await readLedger(stage.superuserUrl(name)));
  const perService = await Promise.all(participants.map((name) => readMessagesAt(name, stage.databaseUrls)));
  return {
    ...deeds,
    accounts: await accountsOnceSent(stage.databaseUrls),
    ledgers,
    outbox: perService.flatMap(({ outbox }) => outbox),
    deadLetters: perService.flatMap(({ deadLetters }) => deadLetters),
    orderOfKey: await readKeysAt(stage.databaseUrls),
    records: await readTopics(stage.client, topics),
  };
}

/** A message that a running system has not published for this long is not on its way, in milliseconds. */
const UNSENT_FOR_MS = 30_000;

/** The audits of the books write messages whenever their time has come, also while the evidence is read: only what stays in an outbox counts. */
async function accountsOnceSent(databaseUrls: Stage["databaseUrls"]): Promise<Accounts> {
  const giveUpAt = performance.now() + UNSENT_FOR_MS;
  for (;;) {
    const accounts = await readAccounts(databaseUrls);
    if (accounts.unsent === 0 || performance.now() > giveUpAt) return accounts;
    await Bun.sleep(100);
  }
}

function connect(databaseUrls: Stage["databaseUrls"], service: ParticipantName): postgres.Sql {
  return postgres(databaseUrls.get(service) ?? "", { max: 1, onnotice: () => undefined });
}

async function readMessagesAt(service: ParticipantName, databaseUrls: Stage["databaseUrls"]) {
  const sql = connect(databaseUrls, service);
  try {
    return await readMessages(service, sql);
  } finally {
    await sql.end();
  }
}

/** The outbox and the dead letters of a service. */
export async function readMessages(
  service: ParticipantName,
  sql: postgres.Sql,
): Promise<Pick<Evidence, "outbox" | "deadLetters">> {
  const outbox = await sql<Omit<OutboxRow, "service">[]>`
    select id::float8 as id, topic, key, payload->>'id' as "messageId", payload->>'type' as type, sent_at is not null as sent from outbox order by id`;
  const deadLetters = await sql<Omit<DeadLetter, "service">[]>`
    select cause, left(detail, 200) as detail, key, topic, partition, record_offset::text as "offset" from dead_letter where replayed_at is null`;
  return {
    outbox: outbox.map((row) => ({ ...row, service })),
    deadLetters: deadLetters.map((row) => ({ ...row, service })),
  };
}

async function readKeysAt(databaseUrls: Stage["databaseUrls"]): Promise<ReadonlyMap<string, string>> {
  const sql = connect(databaseUrls, "order");
  try {
    return await readKeys(sql);
  } finally {
    await sql.end();
  }
}

/** The orders by the idempotency keys under which they were placed. */
export async function readKeys(sql: postgres.Sql): Promise<Evidence["orderOfKey"]> {
  const rows = await sql<{ key: string; order_id: string }[]>`select key, order_id from idempotency_key`;
  return new Map(rows.map(({ key, order_id }) => [key, order_id]));
}
