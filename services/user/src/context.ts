import type { Role } from "@shop/contracts/http/define";
import type { Database } from "@shop/database/connect";
import type { Reader } from "@shop/database/reader";
import type { Clock } from "@shop/runtime/clock";
import type { IdSource } from "@shop/runtime/ids";
import type { Logger } from "@shop/runtime/logger";
import type { Metrics } from "@shop/runtime/metrics";
import type { AccessTokens } from "./credentials/access-tokens.ts";
import type { LoginAttemptLimiter } from "./credentials/login-attempt-limiter.ts";
import type { IsLeaked } from "./credentials/leaked-passwords.ts";
import type { Passwords } from "./credentials/passwords.ts";

/** Everything that the use cases are built from. */
export interface UserContext {
  readonly db: Database;
  /** What a call that only reads does so with; see `ServiceContext`. */
  readonly read: Reader["during"];
  readonly accessTokens: AccessTokens;
  readonly passwords: Passwords;
  /** The list of leaked passwords, once it has been read. */
  readonly isLeaked: () => Promise<IsLeaked>;
  readonly loginAttempts: LoginAttemptLimiter;
  /** Who issues access tokens; authenticator apps show it. */
  readonly issuer: string;
  /** Whether users of a role can log in with a second factor only. */
  readonly needsSecondFactor: (role: Role) => boolean;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly logger: Logger;
  readonly metrics: Metrics;
}
