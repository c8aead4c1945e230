import type { Shop } from "@shop/client/shop";
import { signUp } from "../support/sign-up.ts";

/** Runs `work` for each item, at most `inFlight` at a time, and gives the results in the order of the items. */
export async function atMost<Item, Result>(
  inFlight: number,
  items: readonly Item[],
  work: (item: Item, worker: number) => Promise<Result>,
): Promise<Result[]> {
  const results = Array.from<Result>({ length: items.length });
  let next = 0;
  const worker = async (number: number) => {
    for (let index = next++; index < items.length; index = next++)
      results[index] = await work(items[index] as Item, number);
  };
  await Promise.all(Array.from({ length: Math.min(inFlight, items.length) }, (_, number) => worker(number)));
  return results;
}

/** Customers of their own, logged in. */
export async function customers(baseUrl: string, count: number): Promise<readonly Shop[]> {
  const names = Array.from({ length: count }, (_, index) => `load-${index}-${Date.now() % 1e6}`);
  return atMost(4, names, (username) => signUp(baseUrl, username));
}

/** The value below which a part of the values lie. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}
