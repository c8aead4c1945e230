import type { Tokens } from "@shop/client/bearer-session";
import type { Shop } from "@shop/client/shop";
import { areOrderable } from "../../support/orderable.ts";
import { enter } from "@shop/local/demo/enter";
import { eventually } from "@shop/testing/eventually";
import type { Entry } from "./journal.ts";
import type { Actors } from "./load.ts";
import { loadClient } from "./client.ts";

const CUSTOMERS = ["customer", "customer2"];
const RIDERS = ["rider", "rider2"] as const;

/** Logs everybody in and puts products on sale, before the faults begin. */
export async function assemble(
  frontendUrl: string,
  stocks: readonly number[],
  write: (entry: Entry) => void,
): Promise<Actors> {
  const actorFor = async (name: string) =>
    loadClient(name, frontendUrl, await insisting(() => tokenOf(frontendUrl, name)), write);
  const admin = await insisting(() => enter(frontendUrl, "admin"));
  const productIds: string[] = [];
  for (const stock of stocks) productIds.push(await insisting(() => newProduct(admin, stock)));
  const plenty = await insisting(() => newProduct(admin, 100_000));
  const customer = await insisting(() => enter(frontendUrl, "customer"));
  await eventually(
    async () => {
      if (!(await areOrderable(customer, [...productIds, plenty])))
        throw new Error("the products are not in the catalogue yet");
    },
    { deadlineMs: 90_000, pauseMs: 200 },
  );
  return {
    customers: await Promise.all(CUSTOMERS.map(actorFor)),
    riders: [await actorFor(RIDERS[0]), await actorFor(RIDERS[1])],
    ...{ productIds, plenty },
  };
}

/** On a busy machine a system that has just started may answer 503, and any client would ask again. */
function insisting<Result>(call: () => Promise<Result>): Promise<Result> {
  return eventually(call, { deadlineMs: 90_000, pauseMs: 500 });
}

/** An access token of somebody who logs in now. */
export async function tokenOf(frontendUrl: string, name: string): Promise<string> {
  let held: Tokens | undefined;
  const store = { load: () => undefined, save: (tokens: Tokens | undefined) => void (held = tokens) };
  await enter(frontendUrl, name, `${name}-password`, { store });
  return held?.accessToken ?? "";
}

async function newProduct(admin: Shop, stock: number): Promise<string> {
  return (await admin.createProduct({ name: `Of ${stock}`, price: 1_000, currency: "KRW", stock })).id;
}
