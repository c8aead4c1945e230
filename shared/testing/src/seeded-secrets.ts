import type { Database } from "@shop/database/connect";
import { type DatabaseDriver, postgresDriver } from "@shop/database/driver";
import postgres from "postgres";

/** Stands in every value that a test seeds, in a form that names, passwords and addresses may have. */
const MARK = "seeded-secret";

/** A value that must be found nowhere. */
export const seeded = (what: string) => `${MARK}-${what}`;

/** What a database can do to a statement: the SQLSTATE that it refuses it with, or `killed`, which ends its session. */
export const statementFaults = [
  ...[
    "23505",
    "23514",
    "23502",
    "22P02",
    "22001",
    "40P01",
    "53100",
    "55P03",
    "57014",
    "57P01",
    "58030",
    "P0001",
    "XX000",
  ],
  "killed",
] as const;
export type StatementFault = (typeof statementFaults)[number];

interface FailingDriver {
  readonly driver: DatabaseDriver;
  /** Lets the statement of this number, from 1 and from now on, fail, and as often as `times` says the same one when it is sent again; all others pass. */
  failAt(statement: number, fault: StatementFault, times?: number): void;
  /** Whether it has come to that statement. */
  hasFailed(): boolean;
}

type Unsafe = (text: string, parameters?: readonly unknown[], options?: object) => unknown;
interface Client {
  unsafe: Unsafe;
  begin?: (work: (tx: Client) => Promise<unknown>) => Promise<unknown>;
  savepoint?: (work: (tx: Client) => Promise<unknown>) => Promise<unknown>;
}

/**
 * The real driver and a real server, which refuses a statement of a test's choice: what is sent in its place raises the error, with all of the statement's
 * parameters in its DETAIL, its HINT and its CONTEXT, and in its message for the SQLSTATEs whose messages quote values.
 * @param url the database, which gets a function for it
 */
export async function failingDriver(url: string): Promise<FailingDriver> {
  const admin = postgres(url, { max: 1, onnotice: () => undefined });
  await admin.unsafe(`create or replace function seeded_fault(code text, quoted text) returns void language plpgsql as $$
    begin raise exception using errcode = code, detail = 'Failing row contains (' || quoted || ').', hint = quoted,
      message = case when code ~ '^(22|P0|XX)' then 'invalid value: ' || quoted else 'refused' end;
    end $$`);
  await admin.end();
  let due: { left: number; readonly fault: StatementFault; times: number; text?: string } | undefined;

  /** Counts a statement, and says whether it is one of those to fail. */
  function faultOf(text: string): StatementFault | undefined {
    if (due === undefined) return undefined;
    due.left -= 1;
    if (due.left === 0) due.text = text;
    if (due.text !== text || due.times === 0) return undefined;
    due.times -= 1;
    return due.fault;
  }

  function failing(unsafe: Unsafe): Unsafe {
    return (text, parameters = [], options) => {
      const fault = faultOf(text);
      if (fault === undefined) return unsafe(text, parameters, options);
      return fault === "killed"
        ? unsafe("select pg_terminate_backend(pg_backend_pid())", [], options)
        : unsafe("select seeded_fault($1, $2)", [fault, parameters.map(String).join(", ")], options);
    };
  }

  function failingClient<Given extends Client>(client: Given): Given {
    const { unsafe, begin, savepoint } = client;
    client.unsafe = failing(unsafe.bind(client));
    if (begin) client.begin = (work) => begin.call(client, (tx) => work(failingClient(tx)));
    if (savepoint) client.savepoint = (work) => savepoint.call(client, (tx) => work(failingClient(tx)));
    return client;
  }
  const clientOf = (db: object) => (db as { readonly $client: Client }).$client;

  return {
    driver: {
      ...postgresDriver,
      connectDatabase(options): Database {
        const db = postgresDriver.connectDatabase(options);
        failingClient(clientOf(db));
        return db;
      },
      connectReader(options) {
        const reader = postgresDriver.connectReader(options);
        return {
          ...reader,
          during(signal) {
            const db = reader.during(signal);
            const client = clientOf(db);
            client.unsafe = failing(client.unsafe);
            return db;
          },
        };
      },
    },
    failAt(statement, fault, times = 1) {
      due = { left: statement, fault, times };
    },
    hasFailed: () => due !== undefined && due.left <= 0,
  };
}

/**
 * Does something again and again, each time with its next statement failing, until it needs no further statement: each fault's turn comes.
 * @param times how often each statement fails
 * @returns how many statements have failed
 */
export async function failingEach(
  { failAt, hasFailed }: Pick<FailingDriver, "failAt" | "hasFailed">,
  work: () => Promise<unknown>,
  times = 1,
): Promise<number> {
  let failed = 0;
  for (const turn of [0, 1]) {
    for (let statement = 1; ; statement += 1) {
      failAt(statement, statementFaults[(failed + turn) % statementFaults.length] ?? "killed", times);
      await work();
      if (!hasFailed()) break;
      failed += 1;
    }
  }
  failAt(Infinity, "killed");
  return failed;
}

/** Those of the secrets that stand in what was written: what was seeded, hashes of passwords, and further ones such as tokens that were given out. */
export function foundSecrets(written: unknown, further: readonly string[] = []): readonly string[] {
  const text = typeof written === "string" ? written : JSON.stringify(written);
  return [MARK, "$argon2id$", ...further].flatMap((secret) => {
    const at = text.indexOf(secret);
    return at === -1 ? [] : [text.slice(Math.max(0, at - 200), at + 100)];
  });
}
