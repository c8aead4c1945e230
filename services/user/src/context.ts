import type { Role } from "@shop/contracts/http/define";
import type { DatabaseContext } from "@shop/service/context";
import type { AccessTokens } from "./credentials/access-tokens.ts";
import type { LoginAttemptLimiter } from "./credentials/login-attempt-limiter.ts";
import type { IsLeaked } from "./credentials/leaked-passwords.ts";
import type { Passwords } from "./credentials/passwords.ts";

/** Everything that the use cases are built from. */
export interface UserContext extends DatabaseContext {
  readonly accessTokens: AccessTokens;
  readonly passwords: Passwords;
  /** The list of leaked passwords, once it has been read. */
  readonly isLeaked: () => Promise<IsLeaked>;
  readonly loginAttempts: LoginAttemptLimiter;
  /** Who issues access tokens; authenticator apps show it. */
  readonly issuer: string;
  /** Whether users of a role can log in with a second factor only. */
  readonly needsSecondFactor: (role: Role) => boolean;
  /** Set when mails are sent. */
  readonly mails: { readonly pagesUrl: string | undefined } | undefined;
}
