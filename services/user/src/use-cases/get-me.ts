import type { User } from "@shop/contracts/http/user";
import type { UserContext } from "../context.ts";
import { findUser } from "../db/users.ts";
import { shownUser } from "./sign-up.ts";

/** @returns undefined when the user is gone, though their token still lives */
export async function getMe(
  { read }: UserContext,
  { userId, signal }: { readonly userId: string; readonly signal: AbortSignal },
): Promise<User | undefined> {
  const user = await findUser(read(signal), userId);
  return user && shownUser(user);
}
