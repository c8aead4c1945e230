import { type AuditEntry, listAuditEntries } from "@shop/contracts/http/audit";
import type { Role } from "@shop/contracts/http/define";
import type { CloudEvent } from "@shop/contracts/messages/cloud-event";
import type { DataOf, MessageDefinition } from "@shop/contracts/messages/define";
import { postgresDriver } from "@shop/database/driver";
import { isTransient } from "@shop/database/errors";
import { inTransaction } from "@shop/database/transaction";
import { createApp, type HttpApp } from "@shop/http/server/app";
import { AUDIENCE, createSigner, goodClaims, goodHeader, ISSUER } from "@shop/http/testing/tokens";
import { createTokenVerifier } from "@shop/http/auth/token-verifier";
import { readBacklog } from "@shop/messaging/backlog";
import type { BrokerRecord } from "@shop/messaging/broker";
import { createDeadLetters } from "@shop/messaging/dead-letters/dead-letters";
import { createInbox } from "@shop/messaging/inbox/inbox";
import type { HandledListener } from "@shop/messaging/messaging";
import { createOutbox } from "@shop/messaging/outbox/outbox";
import { type Outgoing, toOutboxRow } from "@shop/messaging/outbox/outgoing";
import { createReplay } from "@shop/messaging/dead-letters/replay";
import type { Clock } from "@shop/runtime/clock";
import { uuidV7 } from "@shop/runtime/ids";
import { createMetrics } from "@shop/runtime/metrics";
import { ManualClock } from "@shop/testing/clock";
import { capturedLogger, type LogLine } from "@shop/testing/logger";
import { sql } from "drizzle-orm";
import type { BulkTarget } from "../bulk.ts";
import type { ServiceContext } from "../context.ts";
import { auditExports, auditRoutes } from "../audit-routes.ts";
import { bulkReplays, deadLetterBulkRoutes } from "../dead-letter-bulk.ts";
import { deadLetterRoutes } from "../dead-letter-routes.ts";
import { explainOrderRoute, knowsNothing } from "../explain-order-route.ts";
import type { Participant } from "../define-service.ts";

export interface Sent {
  readonly type: string;
  readonly key: string;
  readonly data: unknown;
}

/** A participant without a broker: requests and messages go in, answers and outbox rows come out. Database, tokens and inbox are the real ones. */
export interface ParticipantUnderTest {
  readonly app: HttpApp;
  readonly context: ServiceContext;
  readonly clock: ManualClock;
  readonly lines: readonly LogLine[];
  /** What `runBulkOperations` needs for dead letters. */
  readonly replays: BulkTarget;
  /** The header of a caller with this role. */
  as(role: Role, userId: string): Promise<{ readonly authorization: string }>;
  /** The entries of the audit trail about something, oldest first. */
  entriesAbout(subjectId: string): Promise<readonly AuditEntry[]>;
  /** Delivers messages together, as one fetch would bring them. Each call makes new messages, with ids of their own. */
  receive(...messages: readonly Outgoing[]): Promise<void>;
  /** Delivers the very same records again. */
  receiveRecords(records: readonly BrokerRecord[]): Promise<void>;
  /**
   * The outbox's messages so far that nobody has asked for yet.
   * @throws when nobody has woken the relay for them: they would leave with its next look only
   */
  takeSent(): Promise<readonly Sent[]>;
  close(): Promise<void>;
}

/** What is known of the relay of a database, whichever replica woke it or asked for its messages. Times are those of `performance.now()`. */
interface RelayWoken {
  wokenAt: number;
  /** When its messages were asked for, and the last of them. */
  askedAt: number;
  taken: bigint;
}
const relays = new Map<string, RelayWoken>();

export async function participantUnderTest(
  participant: Participant,
  databaseUrl: string,
  driver = postgresDriver,
): Promise<ParticipantUnderTest> {
  const clock = new ManualClock(Date.now());
  const { logger, lines } = capturedLogger();
  const metrics = createMetrics();
  const ids = uuidV7;
  const db = driver.connectDatabase({ url: databaseUrl, applicationName: "under test" });
  const reader = driver.connectReader({ url: databaseUrl, applicationName: "under test, reads" });
  const read = reader.during;
  const listeners: HandledListener[] = [];
  const onHandled = (listener: HandledListener) => void listeners.push(listener);
  const relay = relays.get(databaseUrl) ?? { wokenAt: -1, askedAt: 0, taken: 0n };
  relays.set(databaseUrl, relay);
  const wakeRelay = () => {
    relay.wokenAt = performance.now();
  };
  const outbox = createOutbox({ ids, clock, wakeRelay });
  const context: ServiceContext = { db, read, outbox, onHandled, clock, ids, logger, metrics };

  const signer = await createSigner();
  const verifier = createTokenVerifier({
    ...{ jwksUrl: "http://user.test/.well-known/jwks.json", issuer: ISSUER, audience: AUDIENCE, clock, logger },
    // The user service is an HTTP upstream of this one.
    fetch: () => Promise.resolve(Response.json({ keys: [signer.publicJwk] })),
  });
  const app = createApp({
    ...{ service: participant.name, logger, clock, metrics, verifier, isUnavailable: isTransient },
    onExport: auditExports(context),
  });
  auditRoutes(app, { service: participant.name, read });
  participant.routes(app, context);

  const handlers = participant.messaging.handlers(context);
  const tellAll = (keys: readonly string[]) => {
    for (const tell of listeners) tell(keys);
  };
  const replay = createReplay({ db, handlers, outbox, onHandled: tellAll, clock });
  deadLetterRoutes(app, { service: participant.name, read, replay, clock, ids, logger });
  const replays = bulkReplays(replay);
  deadLetterBulkRoutes(app, context, { service: participant.name, target: replays });
  explainOrderRoute(app, {
    ...{ service: participant.name, read, clock, knows: participant.knows ?? knowsNothing },
    ready: async () => ({ ready: true, checks: {} }),
    // There is no broker.
    messaging: { backlog: (atMost) => readBacklog(db, atMost), lag: async () => 0 },
  });
  const deadLetters = createDeadLetters({ db, ids, clock, logger, metrics });
  const handle = createInbox({
    db,
    handlers,
    outbox,
    deadLetters,
    onHandled: tellAll,
    clock,
    logger,
    metrics,
  });
  let taken = 0n;

  async function receiveRecords(records: readonly BrokerRecord[]): Promise<void> {
    const until = performance.now() + DEFERRED_AT_MOST_MS;
    let left = await handle(records, new AbortController().signal);
    // As the work queue does; the rows are those of a twin that is at work.
    while (left.length > 0) {
      if (performance.now() > until) throw new Error(`${left.length} records wait for a row that is locked`);
      await Bun.sleep(20);
      left = await handle(left, new AbortController().signal);
    }
  }
  async function as(role: Role, sub: string) {
    const token = await signer.sign(goodHeader, { ...goodClaims(clock.now()), sub, role, jti: ids() });
    return { authorization: `Bearer ${token}` };
  }
  return {
    ...{ app, context, clock, lines, replays, receiveRecords, as },
    async entriesAbout(subjectId) {
      const response = await app.request(`/api/audit?subjectId=${subjectId}`, { headers: await as("admin", ids()) });
      const page = listAuditEntries.success.schema.parse(await response.json());
      return page.items.toReversed();
    },
    receive: (...messages) => receiveRecords(messages.map((message) => recordOf(message, clock))),
    async takeSent() {
      const askedAt = performance.now();
      const rows = await inTransaction(db, (tx) =>
        tx.execute<{ id: string; key: string; payload: CloudEvent }>(
          sql`select id, key, payload from outbox where id > ${taken} order by id`,
        ),
      );
      taken = BigInt(rows.at(-1)?.id ?? taken);
      if (taken > relay.taken) {
        if (relay.wokenAt < relay.askedAt) throw new Error("the relay was not woken for what was sent");
        Object.assign(relay, { askedAt, taken });
      }
      return rows.map(({ key, payload }) => ({ type: payload.type, key, data: payload.data }));
    },
    async close() {
      await Promise.all([db.$client.end({ timeout: 2 }), reader.end()]);
    },
  };
}

/** Far longer than any test holds a lock, in milliseconds. */
const DEFERRED_AT_MOST_MS = 30_000;

let nextOffset = 0;

/** A message as the broker would deliver it. */
export function recordOf(message: Outgoing, clock: Clock): BrokerRecord {
  const { topic, key, payload } = toOutboxRow(message, uuidV7, clock);
  nextOffset += 1;
  return {
    topic,
    partition: 0,
    offset: String(nextOffset),
    key,
    value: Buffer.from(JSON.stringify(payload)),
    headers: {},
  };
}

/** What `takeSent` should give for a message. */
export function sent<Definition extends MessageDefinition>(
  definition: Definition,
  key: string,
  data: DataOf<Definition>,
): Sent {
  return { type: definition.type, key, data };
}
