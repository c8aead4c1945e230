import type { ServiceName } from "@shop/contracts/messages/define";
import { isTransient } from "@shop/database/errors";
import postgres from "postgres";

/** One thing that happened in a database, as triggers of ours saw it inside the transaction that did it. */
export interface LedgerRow {
  /** Grows in the order in which it happened; two rows of one key in different transactions are in the order of their commits. */
  readonly seq: number;
  readonly txid: string;
  /** A table; for `outbox` and `inbox` a message was written, for the others a row has changed its status. */
  readonly what: "orders" | "reservation" | "delivery" | "saga" | "outbox" | "inbox";
  /** The order's id; in `inbox` the message's. */
  readonly key: string;
  /** The status before; null for a new row. */
  readonly before: string | null;
  /** The status after; in `outbox` the type of the message. */
  readonly after: string | null;
}

const STATES: Readonly<Partial<Record<ServiceName, LedgerRow["what"]>>> = {
  order: "orders",
  product: "reservation",
  delivery: "delivery",
  orchestrator: "saga",
};

const ATTEMPTS = 10;

/**
 * Has a database keep a ledger of what happens in it, so that what came and went can be judged, not only what is left. Triggers write it in the
 * transaction of the change; the service's own role can neither read nor change it.
 * @param superuserUrl of the service's database
 */
export async function keepLedger(service: ServiceName, superuserUrl: string): Promise<void> {
  const table = STATES[service];
  if (table === undefined) return;
  const keyColumn = table === "orders" ? "id" : "order_id";
  const sql = postgres(superuserUrl, { max: 1, onnotice: () => undefined });
  const begin = () =>
    sql.unsafe(`
      create schema chaos;
      create table chaos.ledger (
        seq bigint primary key generated always as identity, txid text not null default pg_current_xact_id()::text,
        what text not null, key text not null, before text, after text);
      create function chaos.note_state() returns trigger language plpgsql security definer set search_path = chaos as $$
        begin
          insert into ledger (what, key, before, after) values (tg_table_name, new.${keyColumn}, case tg_op when 'UPDATE' then old.status end, new.status);
          return null;
        end $$;
      create function chaos.note_outbox() returns trigger language plpgsql security definer set search_path = chaos as $$
        begin
          insert into ledger (what, key, after) values ('outbox', new.key, new.payload->>'type');
          return null;
        end $$;
      create function chaos.note_inbox() returns trigger language plpgsql security definer set search_path = chaos as $$
        begin
          insert into ledger (what, key) values ('inbox', new.message_id);
          return null;
        end $$;
      create trigger chaos_inserted after insert on ${table} for each row execute function chaos.note_state();
      create trigger chaos_updated after update on ${table} for each row when (old.status is distinct from new.status) execute function chaos.note_state();
      create trigger chaos_outbox after insert on outbox for each row execute function chaos.note_outbox();
      create trigger chaos_inbox after insert on inbox for each row execute function chaos.note_inbox();`);
  try {
    // One transaction, which locks the tables that the service is using in an order of its own: it may be the one that a deadlock is resolved by.
    for (let left = ATTEMPTS; ; left -= 1) {
      try {
        await begin();
        return;
      } catch (error) {
        if (left === 0 || !isTransient(error)) throw error;
      }
    }
  } finally {
    await sql.end();
  }
}

/** @param superuserUrl of the service's database */
export async function readLedger(superuserUrl: string): Promise<readonly LedgerRow[]> {
  const sql = postgres(superuserUrl, { max: 1, onnotice: () => undefined });
  try {
    return await readLedgerOn(sql);
  } finally {
    await sql.end();
  }
}

/** The same by a connection that is there already. */
export async function readLedgerOn(sql: postgres.Sql): Promise<readonly LedgerRow[]> {
  return sql<LedgerRow[]>`select seq::float8 as seq, txid, what, key, before, after from chaos.ledger order by seq`;
}
