import type { ServiceName } from "@shop/contracts/services";
import postgres from "postgres";

/** A message that its service believes to be sent. */
export interface HeldMessage {
  readonly messageId: string;
  readonly topic: string;
  readonly key: string;
  readonly payload: string;
}

/** Keeps some of a service's messages from its relay. */
export interface OutboxHold {
  /** The messages that were held since the last call, once their transactions are committed. */
  take(): Promise<readonly HeldMessage[]>;
  /** Holds no more. What is held already must still be taken. */
  end(): Promise<void>;
  close(): Promise<void>;
}

/**
 * From now on a part of the messages is marked as sent when it is written, and handed to the harness, which publishes it when it likes: as a broker
 * would that delivers late. Triggers of the harness do it, in the transaction that writes the message.
 * @param superuserUrl of a database that has a ledger
 * @param part from 0 to 1
 */
export async function holdOutbox(service: ServiceName, superuserUrl: string, part: number): Promise<OutboxHold> {
  const sql = postgres(superuserUrl, { max: 1, onnotice: () => undefined });
  await sql.unsafe(`
    create table if not exists chaos.held (seq bigint primary key generated always as identity, topic text not null, key text not null, payload text not null);
    create or replace function chaos.hold() returns trigger language plpgsql security definer set search_path = chaos as $$
      begin
        if random() < ${part} then
          insert into held (topic, key, payload) values (new.topic, new.key, new.payload::text);
          new.sent_at := now();
        end if;
        return new;
      end $$;
    create trigger chaos_hold before insert on outbox for each row execute function chaos.hold();`);
  return {
    async take() {
      const rows = await sql<Omit<HeldMessage, "messageId">[]>`
        with taken as (delete from chaos.held returning *) select topic, key, payload from taken order by seq`;
      return rows.map((row) => ({ ...row, messageId: messageIdOf(row.payload, service) }));
    },
    async end() {
      await sql`drop trigger chaos_hold on outbox`;
    },
    async close() {
      await sql.end();
    },
  };
}

function messageIdOf(payload: string, service: ServiceName): string {
  const event: unknown = JSON.parse(payload);
  if (typeof event === "object" && event !== null && "id" in event) return String(event.id);
  throw new Error(`a message of ${service} has no id`);
}
