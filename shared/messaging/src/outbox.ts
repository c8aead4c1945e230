import type { Transaction } from "@shop/database/connect";
import { jsonRows } from "@shop/database/rows";
import type { Clock } from "@shop/runtime/clock";
import type { IdSource } from "@shop/runtime/ids";
import { sql } from "drizzle-orm";
import { type Outgoing, toOutboxRow } from "./outgoing.ts";

/** The sending side of the transactional outbox. */
export interface Outbox {
  /**
   * Writes messages into the outbox, in their order, as part of `tx`. Call it after the change that they tell of:
   * that change's row lock is what keeps one key's messages in the order of their commits.
   */
  send(tx: Transaction, messages: readonly Outgoing[]): Promise<void>;
}

export function createOutbox({ ids, clock }: { readonly ids: IdSource; readonly clock: Clock }): Outbox {
  return {
    async send(tx, messages) {
      if (messages.length === 0) return;
      const rows = messages.map((message) => toOutboxRow(message, ids, clock));
      await tx.execute(sql`
        insert into outbox (topic, key, payload)
        select topic, key, payload from json_to_recordset(${jsonRows(rows)}) as r(topic text, key text, payload json)`);
    },
  };
}
