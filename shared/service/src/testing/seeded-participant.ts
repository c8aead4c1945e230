import type { BrokerRecord } from "@shop/messaging/broker";
import type { Outgoing } from "@shop/messaging/outbox/outgoing";
import { createTestDatabase } from "@shop/testing/database";
import { failingDriver, failingEach, foundSecrets, seeded } from "@shop/testing/seeded-secrets";
import { sql } from "drizzle-orm";
import type { Participant } from "../define-service.ts";
import { participantUnderTest, type ParticipantUnderTest, recordOf } from "./participant-under-test.ts";

/** A participant whose database refuses statements of a test's choice, and all that it writes. */
interface SeededParticipant {
  readonly service: ParticipantUnderTest;
  /** Makes a call, again and again, with each of its statements failing. */
  call(
    role: "admin" | "customer" | "rider",
    user: string,
    method: string,
    path: string,
    body?: () => object,
  ): Promise<number>;
  /** Delivers a message of `make`, again and again, with each statement of its handling failing as often as makes a dead letter of it. */
  deliver(make: () => Outgoing): Promise<number>;
  /** Delivers records that cannot be read, with secrets in all of their parts. */
  deliverPoison(like: Outgoing): Promise<void>;
  /** The secrets in log lines of all levels, problems, details of dead letters, metrics and histories of sagas. */
  found(): Promise<readonly string[]>;
  /** How many dead letters there are. */
  deadLetters(): Promise<number>;
  close(): Promise<void>;
}

/** More often than a message is tried before it is a dead letter. */
const TIMES = 4;

export async function seededParticipant(participant: Participant): Promise<SeededParticipant> {
  const database = await createTestDatabase({ service: participant.name });
  const failing = await failingDriver(database.url);
  const service = await participantUnderTest(participant, database.url, failing.driver);
  const problems: string[] = [];
  const rows = async (text: string) => [...(await service.context.db.execute<{ text: string }>(sql.raw(text)))];

  /** Lets the time pass that a message waits for between its tries. */
  async function receive(...records: readonly BrokerRecord[]): Promise<void> {
    let isDone = false;
    const received = service.receiveRecords(records).finally(() => {
      isDone = true;
    });
    while (!isDone) {
      await service.clock.advance(2_000);
      await Bun.sleep(1);
    }
    await received;
  }

  return {
    service,
    call: (role, user, method, path, body) =>
      failingEach(failing, async () => {
        const headers = {
          ...(await service.as(role, user)),
          "idempotency-key": seeded("key"),
          cookie: seeded("cookie"),
        };
        const response = await service.app.request(path, {
          method,
          headers: body === undefined ? headers : { ...headers, "content-type": "application/json" },
          ...(body === undefined ? {} : { body: JSON.stringify(body()) }),
        });
        if (response.status >= 400) problems.push(await response.text());
      }),
    deliver: (make) => failingEach(failing, () => receive(recordOf(make(), service.clock)), TIMES),
    async deliverPoison(like) {
      const record = recordOf(like, service.clock);
      const envelope = JSON.parse(new TextDecoder().decode(record.value ?? new Uint8Array())) as object;
      const event = (changes: object) => Buffer.from(JSON.stringify({ ...envelope, ...changes }));
      const secret = seeded("payload");
      const values = [
        Buffer.from(`{"deliveryAddress": "${secret}`),
        Buffer.concat([Buffer.from(secret), Buffer.from([0xff])]),
        Buffer.from(`"${secret}"`),
        event({ specversion: secret, time: secret }),
        event({ id: seeded("id"), type: secret }),
        event({ dataschema: secret }),
        event({ id: secret, data: { orderId: secret, [secret]: secret } }),
      ];
      for (const [index, value] of values.entries()) {
        await receive({ ...record, offset: `${900_000 + index}`, key: secret, value, headers: { [secret]: secret } });
      }
    },
    async found() {
      const details = await rows("select detail as text from dead_letter");
      const history = participant.name === "orchestrator" ? await rows("select detail as text from saga_history") : [];
      const metrics = await service.context.metrics.expose();
      return foundSecrets({ lines: service.lines, problems, details, history, metrics });
    },
    deadLetters: async () => (await rows("select id::text as text from dead_letter")).length,
    async close() {
      await service.close();
      await database.drop();
    },
  };
}
