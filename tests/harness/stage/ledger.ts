import type { ServiceName } from "@shop/contracts/services";
import { isTransient } from "@shop/database/errors";
import postgres from "postgres";

/** One thing that happened in a database, as triggers of ours saw it inside the transaction that did it. */
export interface LedgerRow {
  /** Grows in the order in which it happened; two rows of one key in different transactions are in the order of their commits. */
  readonly seq: number;
  readonly txid: string;
  /**
   * A table whose row changed its status, or `outbox` or `inbox`, where a message was written; `write`, for any write of a row whose changes are
   * told by messages, of a product too; `history`, for an entry that a message made in the history of a saga; `catalogue`, for an entry of the order
   * service's copy that was replaced by an older one.
   */
  readonly what:
    | "orders"
    | "reservation"
    | "delivery"
    | "saga"
    | "outbox"
    | "inbox"
    | "write"
    | "history"
    | "catalogue";
  /** The order's id; in `inbox` the message's, and of a product its own. */
  readonly key: string;
  /** The status before; of a `write` what `after` says of it, as it was before. Null for a new row. */
  readonly before: string | null;
  /**
   * The status after; in `outbox` and `history` the type of the message. Of a `write`: `CANCEL_REQUESTED` of such an order, step and status of a
   * saga, the version of a product, null of others. In `catalogue` the version.
   */
  readonly after: string | null;
}

const STATES: Readonly<Partial<Record<ServiceName, LedgerRow["what"]>>> = {
  order: "orders",
  product: "reservation",
  delivery: "delivery",
  orchestrator: "saga",
};

/** Tables whose changes are told by messages: the column that is the key of the messages, and what a `write` says of a row. */
const WRITTEN: Readonly<Record<string, readonly [key: string, detail: (row: "old" | "new") => string]>> = {
  orders: ["id", (row) => `case when ${row}.cancel_requested_at is not null then 'CANCEL_REQUESTED' end`],
  reservation: ["order_id", () => "null"],
  product: ["id", (row) => `${row}.version::text`],
  delivery: ["order_id", () => "null"],
  saga: ["order_id", (row) => `${row}.step || ' ' || ${row}.status`],
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
  const written = [table, ...(service === "product" ? ["product"] : [])].map(noteWrites).join("\n");
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
      create trigger chaos_inbox after insert on inbox for each row execute function chaos.note_inbox();
      ${written}
      ${service === "orchestrator" ? NOTE_HISTORY : ""}
      ${service === "order" ? NOTE_OLDER_COPY : ""}`);
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

/** The triggers that note each write of a table's rows. */
function noteWrites(table: string): string {
  const [key, detail] = WRITTEN[table] ?? ["", () => ""];
  return `
    create function chaos.note_write_of_${table}() returns trigger language plpgsql security definer set search_path = chaos as $$
      begin
        insert into ledger (what, key, before, after) values (
          'write', new.${key}, case tg_op when 'UPDATE' then ${detail("old")} end, ${detail("new")});
        return null;
      end $$;
    create trigger chaos_written after insert or update on ${table} for each row execute function chaos.note_write_of_${table}();`;
}

const NOTE_HISTORY = `
  create function chaos.note_history() returns trigger language plpgsql security definer set search_path = chaos, public as $$
    begin
      insert into ledger (what, key, after) select 'history', order_id, new.message from saga where id = new.saga_id;
      return null;
    end $$;
  create trigger chaos_history after insert on saga_history for each row when (new.message is not null) execute function chaos.note_history();`;

const NOTE_OLDER_COPY = `
  create function chaos.note_older_copy() returns trigger language plpgsql security definer set search_path = chaos as $$
    begin
      insert into ledger (what, key, before, after) values ('catalogue', new.product_id, old.version, new.version);
      return null;
    end $$;
  create trigger chaos_older_copy after update on catalogue for each row when (new.version < old.version) execute function chaos.note_older_copy();`;

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
