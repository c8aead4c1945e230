import { type Personal, personalOf } from "./kept.ts";
import { readStored, store } from "./storage.ts";

const PERSON = "person";
/** Releases before this one kept an address, and with an order that was sent its contents, without saying whose they are. */
const UNBOUND = ["address", "attempt"];

/** The address that this person used last in this browser; empty when there is none. */
export function rememberedAddress(userId: string): string {
  const kept = readStored(PERSON, personalOf);
  return kept?.userId === userId ? kept.deliveryAddress : "";
}

export function rememberAddress(userId: string, deliveryAddress: string): void {
  store(PERSON, { userId, deliveryAddress } satisfies Personal);
}

/** Removes what belongs to anybody else; with undefined to anybody. */
export function keepOnlyOf(userId: string | undefined): void {
  for (const key of UNBOUND) store(key, undefined);
  const kept = readStored(PERSON, personalOf);
  if (kept !== undefined && kept.userId !== userId) store(PERSON, undefined);
}
