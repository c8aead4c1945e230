import type { Transaction } from "@shop/database/connect";
import { jsonRows } from "@shop/database/rows";
import { afterCommit } from "@shop/database/transaction";
import type { Clock } from "@shop/runtime/clock";
import type { IdSource } from "@shop/runtime/ids";
import type { Tracing } from "@shop/runtime/tracing";
import { type SQL, sql } from "drizzle-orm";
import { recordCreated } from "./message-spans.ts";
import { type Outgoing, toOutboxRow } from "./outgoing.ts";

/** The sending side of the transactional outbox. */
export interface Outbox {
  /**
   * Writes messages into the outbox, in their order, as part of `tx`. Call it after the change that they tell of:
   * that change's row lock is what keeps one key's messages in the order of their commits. The commit wakes the relay, so that they leave at once.
   * @param tx of `inTransaction` or `inSavepoint`
   */
  send(tx: Transaction, messages: readonly Outgoing[]): Promise<void>;
  /**
   * The same for a change that is one statement, and so a transaction by itself: an `insert` to stand in its `with`, behind the part that makes the change.
   * @param changed a query over that part which gives the ids of the rows that it has changed, and so locked: of the messages only those about
   * these are written
   */
  insertAbout(messages: readonly MessageAbout[], changed: SQL): SQL;
  /** Lets the relay publish at once what `insertAbout` wrote: to be called when that is committed. */
  wakeRelay(): void;
}

export interface MessageAbout {
  /** The id, a UUID, of the row of whose change it tells. */
  readonly rowId: string;
  readonly message: Outgoing;
}

interface OutboxOptions {
  readonly ids: IdSource;
  readonly clock: Clock;
  /** Called when messages have been committed. It must be quick and must not throw. */
  readonly wakeRelay: () => void;
  /** Given where traces are exported. */
  readonly tracing?: Tracing | undefined;
}

export function createOutbox({ ids, clock, wakeRelay, tracing }: OutboxOptions): Outbox {
  return {
    wakeRelay,
    async send(tx, messages) {
      if (messages.length === 0) return;
      afterCommit(tx, wakeRelay);
      const rows = messages.map((message) => toOutboxRow(message, ids, clock, tracing));
      if (tracing !== undefined) afterCommit(tx, () => recordCreated(tracing, messages, rows));
      await tx.execute(sql`
        insert into outbox (topic, key, payload)
        select topic, key, payload from json_to_recordset(${jsonRows(rows)}) as r(topic text, key text, payload json)`);
    },
    insertAbout(messages, changed) {
      const rows = messages.map(({ rowId, message }, index) => ({
        ...{ rowId, index },
        ...toOutboxRow(message, ids, clock, tracing),
      }));
      if (tracing !== undefined)
        recordCreated(
          tracing,
          messages.map(({ message }) => message),
          rows,
        );
      // It cannot get loose from the change: they are one statement. So it says itself that it is part of a transaction.
      return sql`
        insert into outbox (topic, key, payload, tx)
        select topic, key, payload, 'on'
        from json_to_recordset(${jsonRows(rows)}) as r("rowId" uuid, index int, topic text, key text, payload json)
        where "rowId" in (${changed}) order by index`;
    },
  };
}
