import { sql } from "drizzle-orm";
import type { Role } from "@shop/contracts/http/define";
import {
  bigint,
  boolean,
  check,
  customType,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  timestamp,
  uuid,
} from "drizzle-orm/pg-core";

const instantColumn = (name: string) => timestamp(name, { withTimezone: true, mode: "date" });

const bytes = customType<{ data: Buffer; driverData: Buffer }>({ dataType: () => "bytea" });

export const users = pgTable(
  "users",
  {
    id: uuid("id").primaryKey(),
    username: text("username").notNull().unique(),
    displayName: text("display_name").notNull(),
    role: text("role").$type<Role>().notNull(),
    /** argon2id in its PHC form: the parameters are in it. Null: invited, and has not set one yet. */
    passwordHash: text("password_hash"),
    createdAt: instantColumn("created_at").notNull(),
    /** Since when they cannot log in. */
    disabledAt: instantColumn("disabled_at"),
    /** Where one-time codes are sent, if an admin knows it. */
    mailAddress: text("mail_address"),
  },
  (table) => [
    index("users_by_role").on(table.role, table.id),
    index("users_disabled")
      .on(table.id)
      .where(sql`${table.disabledAt} is not null`),
    // For names that begin with something, whatever the database's collation.
    index("users_by_prefix").on(table.username.op("text_pattern_ops")),
  ],
);

/** The one-time code with which a user sets a password: one a user at most. */
export const passwordCodes = pgTable(
  "password_codes",
  {
    userId: uuid("user_id")
      .primaryKey()
      .references(() => users.id, { onDelete: "cascade" }),
    /** SHA-256: who reads this table cannot use it. */
    codeHash: bytes("code_hash").notNull().unique(),
    expiresAt: instantColumn("expires_at").notNull(),
  },
  (table) => [index("password_codes_by_expiry").on(table.expiresAt)],
);

/** What a user has beside the password: an authenticator app. */
export const secondFactors = pgTable("second_factors", {
  userId: uuid("user_id")
    .primaryKey()
    .references(() => users.id, { onDelete: "cascade" }),
  /** The secret of RFC 6238. Codes are computed from it, so it cannot be stored as a hash. */
  secret: bytes("secret").notNull(),
  /** When its first code was used; null: it was begun, and is not asked for yet. */
  activatedAt: instantColumn("activated_at"),
  /** The step of time of the code that was used last. */
  lastStep: bigint("last_step", { mode: "number" }),
});

/** Recovery codes that have not been used, for who has lost the app. */
export const recoveryCodes = pgTable(
  "recovery_codes",
  {
    userId: uuid("user_id")
      .notNull()
      .references(() => secondFactors.userId, { onDelete: "cascade" }),
    /** SHA-256, as of other one-time codes. */
    codeHash: bytes("code_hash").notNull(),
  },
  (table) => [primaryKey({ columns: [table.userId, table.codeHash] })],
);

/** One per login: the family of refresh tokens that came from it. Ending it is deleting it, and its tokens go with it. */
export const sessions = pgTable(
  "sessions",
  {
    id: uuid("id").primaryKey(),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    createdAt: instantColumn("created_at").notNull(),
    /** When its newest token ends. */
    expiresAt: instantColumn("expires_at").notNull(),
    /** By which a token is known as one that was given in this session, long after its row is gone. It makes no token that is good for a refresh. */
    familyKey: bytes("family_key"),
    /** The program that logged in, as it calls itself. */
    userAgent: text("user_agent"),
  },
  (table) => [index("sessions_by_user").on(table.userId), index("sessions_by_expiry").on(table.expiresAt)],
);

/** Refresh tokens of living sessions: the one that is good, and the one that was spent last. Older ones are known by their session's key. */
export const refreshTokens = pgTable(
  "refresh_tokens",
  {
    /** SHA-256: who reads this table cannot refresh with it. */
    tokenHash: bytes("token_hash").primaryKey(),
    sessionId: uuid("session_id")
      .notNull()
      .references(() => sessions.id, { onDelete: "cascade" }),
    expiresAt: instantColumn("expires_at").notNull(),
    spentAt: instantColumn("spent_at"),
    /** Of a token that was spent with an idempotency key: what its successor was made from, beside the token and the key, neither of which is stored. */
    successorSeed: bytes("successor_seed"),
    /** Whether it is known by its session's key; those of before are known by their rows only, which stay until they end by time. */
    isOfFamily: boolean("is_of_family").notNull().default(false),
  },
  (table) => [index("refresh_tokens_by_session").on(table.sessionId)],
);

/**
 * Logins of the last minute that failed, or whose outcome is not known yet: one row a name, whether it exists or not, and in it no more than close
 * the name. A name gets its row when a password is compared for it, so the rows of a flood are bounded by what the replicas can hash; each minute
 * those are deleted that say nothing any more.
 */
export const loginAttempts = pgTable("login_attempts", {
  username: text("username").primaryKey(),
  /** In ascending order. */
  attemptedAt: instantColumn("attempted_at").array().notNull(),
  newestAt: instantColumn("newest_at").notNull(),
});

/** Failed logins as replicas of the last release note them. The next release can drop it: nothing but the housekeeping looks at it. */
export const loginFailures = pgTable(
  "login_failures",
  {
    id: uuid("id").primaryKey(),
    username: text("username").notNull(),
    failedAt: instantColumn("failed_at").notNull(),
  },
  (table) => [index("login_failures_by_name").on(table.username, table.failedAt)],
);

export type PrivateJwk = Readonly<Record<"kty" | "crv" | "x" | "d", string>>;

/** The keys that access tokens are signed with, the same for all replicas. All are shown; see `domain/signing-key-ages.ts` for which one signs. */
export const signingKeys = pgTable(
  "signing_keys",
  {
    kid: text("kid").primaryKey(),
    privateJwk: jsonb("private_jwk").$type<PrivateJwk>().notNull(),
    createdAt: instantColumn("created_at").notNull(),
  },
  (table) => [check("signing_keys_jwk_is_object", sql`jsonb_typeof(${table.privateJwk}) = 'object'`)],
);

/** Mails that wait to be sent, written in the transaction of what they tell. Sent ones, and those that nobody could use any more, are deleted: they hold codes. */
export const mailToSend = pgTable(
  "mail_to_send",
  {
    id: uuid("id").primaryKey(),
    toAddress: text("to_address").notNull(),
    subject: text("subject").notNull(),
    body: text("body").notNull(),
    attempts: integer("attempts").notNull().default(0),
    /** Not before; moved on when an attempt begins, so that no other replica makes the same one. */
    nextAttemptAt: instantColumn("next_attempt_at").notNull(),
    /** When it is of no use any more. */
    expiresAt: instantColumn("expires_at").notNull(),
  },
  (table) => [index("mail_to_send_due").on(table.nextAttemptAt)],
);
