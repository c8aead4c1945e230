import { ExplainedError } from "@shop/runtime/errors";
import { and, desc, eq, gte, lt, type SQL, sql } from "drizzle-orm";
import { bigint, customType, index, jsonb, pgTable, text, timestamp, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import type { Database, Transaction } from "./connect.ts";
import type { ReadDatabase } from "./reader.ts";
import { jsonRows, newestWhere } from "./rows.ts";

const bytea = customType<{ data: Buffer }>({ dataType: () => "bytea" });

/**
 * The audit trail of a service: who did what, when, with the state before and after. It is append-only: triggers of the database refuse UPDATE and
 * TRUNCATE, and DELETE of what is younger than 400 days. A trigger also numbers the entries without a gap in the order of their commits and
 * gives each the hash of the one before, so that an entry that was changed or removed inside the trail is noticed. The table
 * comes from `shared/database/migrations`, in each service's database; the run-time role can only read and add entries (`APPEND_ONLY_TABLES`).
 */
export const auditEntry = pgTable(
  "audit_entry",
  {
    /** 1, 2, 3 …, given by the database. */
    seq: bigint("seq", { mode: "number" }).primaryKey(),
    /** UUIDv7: lists are in its order. */
    id: uuid("id").notNull(),
    at: timestamp("at", { withTimezone: true, mode: "date" }).notNull(),
    action: text("action").notNull(),
    /** A user's id; null for what the system or an operator at the database did. */
    actorId: uuid("actor_id"),
    /** The role that the actor's token had. */
    actorRole: text("actor_role"),
    /** What it was done to, such as `user`. */
    subjectType: text("subject_type").notNull(),
    subjectId: text("subject_id"),
    requestId: text("request_id"),
    userAgent: text("user_agent"),
    before: jsonb("before"),
    after: jsonb("after"),
    /** SHA-256 of the entry before, given by the database; 32 zero bytes for the first one. */
    previousHash: bytea("previous_hash").notNull(),
    /** SHA-256 of `previousHash` and all of this entry, given by the database: see `audit_entry_hash` in the migration. */
    hash: bytea("hash").notNull(),
    /** The IP address of the client, as the gateway tells it. */
    clientAddress: text("client_address"),
  },
  (table) => [
    uniqueIndex("audit_entry_by_id").on(table.id),
    index("audit_entry_by_action").on(table.action, table.id),
    index("audit_entry_by_actor").on(table.actorId, table.id),
    index("audit_entry_by_subject").on(table.subjectId, table.id),
  ],
);

export type AuditRow = typeof auditEntry.$inferSelect;

/** Who did something, as far as it is known. */
export interface AuditOrigin {
  /** undefined: the system, or somebody who has not shown who they are. */
  readonly actor: { readonly id: string; readonly role: string } | undefined;
  readonly requestId: string | undefined;
  readonly userAgent: string | undefined;
  /** The client's IP address, as the gateway tells it. */
  readonly clientAddress: string | undefined;
}

/** What the system does, or an operator beside it. */
export const bySystem: AuditOrigin = {
  actor: undefined,
  requestId: undefined,
  userAgent: undefined,
  clientAddress: undefined,
};

/** What is written of one act. */
export interface NewAuditEntry<Action extends string = string> extends AuditOrigin {
  /** UUIDv7. */
  readonly id: string;
  readonly at: Date;
  readonly action: Action;
  readonly subject: { readonly type: string; readonly id: string | undefined };
  /** The state before and after, without secrets. */
  readonly before?: object | undefined;
  readonly after?: object | undefined;
}

/** Of a header of the caller's choice, in characters. */
const LONGEST_USER_AGENT = 300;

/** An entry as the columns that the database does not give itself. */
function auditColumns({
  id,
  at,
  action,
  actor,
  subject,
  requestId,
  userAgent,
  clientAddress,
  ...state
}: NewAuditEntry) {
  return {
    ...{ id, at: at.toISOString(), action, actorId: actor?.id, actorRole: actor?.role },
    ...{ subjectType: subject.type, subjectId: subject.id, requestId, clientAddress },
    userAgent: userAgent?.slice(0, LONGEST_USER_AGENT).toWellFormed(),
    ...{ before: state.before, after: state.after },
  };
}

const NEW_ENTRIES =
  sql.raw(`(index int, "rowId" uuid, id uuid, at timestamptz, action text, "actorId" uuid, "actorRole" text,
  "subjectType" text, "subjectId" text, "requestId" text, "userAgent" text, "clientAddress" text, before jsonb, after jsonb)`);

const insertInto = (rows: readonly object[], where: SQL) => sql`
  insert into audit_entry (id, at, action, actor_id, actor_role, subject_type, subject_id, request_id, user_agent, client_address, before, after)
  select id, at, action, "actorId", "actorRole", "subjectType", "subjectId", "requestId", "userAgent", "clientAddress", before, after
  from json_to_recordset(${jsonRows(rows)}) as entry${NEW_ENTRIES} where ${where} order by index`;

/**
 * Appends an entry, in the transaction of the act. Entries are appended one transaction at a time, from here to the commit: so this is the last
 * statement of its transaction. A transaction that waits for a row's lock after it could deadlock.
 */
export async function appendAuditEntry(tx: Transaction, entry: NewAuditEntry): Promise<void> {
  await tx.execute(insertInto([auditColumns(entry)], sql`true`));
}

/** An entry about a row that one statement changes. */
export interface AuditEntryAbout {
  /** The id, a UUID, of the row. */
  readonly rowId: string;
  readonly entry: NewAuditEntry;
}

/**
 * The same for a change that is one statement, and so a transaction by itself: an `insert` to stand in its `with`, behind the part that makes the change.
 * @param changed a query over that part which gives the ids of the rows that it has changed: of the entries only those about these are written
 */
export function insertAuditEntriesAbout(entries: readonly AuditEntryAbout[], changed: SQL): SQL {
  const rows = entries.map(({ rowId, entry }, place) => ({ index: place, rowId, ...auditColumns(entry) }));
  return insertInto(rows, sql`"rowId" in (${changed})`);
}

export interface AuditFilter {
  readonly action?: string | undefined;
  readonly actorId?: string | undefined;
  readonly subjectId?: string | undefined;
  /** From this moment on. */
  readonly from?: Date | undefined;
  /** Before this moment. */
  readonly until?: Date | undefined;
}

/** Entries, newest first. */
export async function listAuditEntries(
  db: ReadDatabase,
  { action, actorId, subjectId, from, until }: AuditFilter,
  { afterId, limit }: { readonly afterId: string | undefined; readonly limit: number },
): Promise<readonly AuditRow[]> {
  const { id } = auditEntry;
  // The one that leaves the fewest comes first: its index is read, and the others are looked at in what it finds.
  const filters = [
    ...(subjectId === undefined ? [] : [[auditEntry.subjectId, subjectId] as const]),
    ...(actorId === undefined ? [] : [[auditEntry.actorId, sql`${actorId}::uuid`] as const]),
    ...(action === undefined ? [] : [[auditEntry.action, action] as const]),
  ];
  const [narrowest, ...others] = filters;
  const page = narrowest && newestWhere([narrowest], id, afterId);
  const conditions: (SQL | undefined)[] = [
    page?.where ?? (afterId === undefined ? undefined : lt(id, afterId)),
    ...others.map(([column, value]) => eq(column, value)),
    from && gte(id, firstIdOf(from)),
    until && lt(id, firstIdOf(until)),
  ];
  return db
    .select()
    .from(auditEntry)
    .where(and(...conditions))
    .orderBy(...(page?.orderBy ?? [desc(id)]))
    .limit(limit);
}

/** The smallest UUIDv7 of a millisecond: times are looked up by the index of ids. */
function firstIdOf(at: Date): string {
  const hex = at.getTime().toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
}

/** What a look at a whole trail has found. */
export interface AuditTrailFindings {
  readonly entries: number;
  /**
   * The newest entry. The chain alone does not show that its end was cut off: compare this with one that was noted elsewhere.
   */
  readonly head: { readonly seq: number; readonly hash: string } | undefined;
  /** The number of the oldest entry that does not fit what is before it, or does not fit its own hash. */
  readonly brokenAt: number | undefined;
}

/** Computes the hashes of all entries again and compares them with the stored ones. */
export async function verifyAuditTrail(db: Pick<Database, "execute">): Promise<AuditTrailFindings> {
  const [found] = await db.execute<{
    entries: number;
    head_seq: string | null;
    head_hash: string | null;
    broken_at: string | null;
  }>(sql`
    with looked_at as (
      select seq, hash, hash = audit_entry_hash(entry) as is_own,
        lag(hash) over (order by seq) as hash_before, lag(seq) over (order by seq) as seq_before, previous_hash
      from audit_entry as entry)
    select count(*)::int as entries,
      (select seq from audit_entry order by seq desc limit 1) as head_seq,
      (select encode(hash, 'hex') from audit_entry order by seq desc limit 1) as head_hash,
      min(seq) filter (where not is_own or hash_before <> previous_hash or seq <> seq_before + 1) as broken_at
    from looked_at`);
  if (found === undefined) throw new ExplainedError("the audit trail gave no answer");
  const { entries, head_seq, head_hash, broken_at } = found;
  return {
    entries,
    head: head_seq === null || head_hash === null ? undefined : { seq: Number(head_seq), hash: head_hash },
    brokenAt: broken_at === null ? undefined : Number(broken_at),
  };
}

/** Deletes the oldest entries. @throws when one of them is younger than 400 days: the database refuses it */
export async function deleteAuditEntries(db: Pick<Database, "execute">, before: Date): Promise<void> {
  await db.execute(sql`select delete_audit_entries(${before.toISOString()}::timestamptz)`);
}
