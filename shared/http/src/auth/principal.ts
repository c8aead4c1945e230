import type { Role } from "@shop/contracts/http/define";

/** Who makes a call, as the access token says; nothing else is believed. */
export interface Principal {
  /** The user's id, in lower case. */
  readonly id: string;
  readonly role: Role;
  /** The session that the token comes from; one of a release before sessions had a claim has none. */
  readonly sessionId?: string | undefined;
  /** When the token ends, in milliseconds since the epoch. Calls are taken for some seconds longer, since clocks differ. */
  readonly expiresAtMs: number;
}

/** @returns the token of an `Authorization: Bearer …` header */
export function bearerToken(headers: Headers): string | undefined {
  const authorization = headers.get("authorization");
  if (authorization === null) return undefined;
  if (authorization.startsWith("Bearer ")) return authorization.slice(7);
  return authorization.slice(0, 7).toLowerCase() === "bearer " ? authorization.slice(7).trimStart() : undefined;
}
