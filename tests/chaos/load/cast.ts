import { areOrderable } from "@shop/local/demo/orderable";
import { anyone, logIn, type ShopClient } from "@shop/local/demo/shop-client";
import { eventually } from "@shop/testing/eventually";
import type { Entry } from "./journal.ts";
import type { Cast } from "./load.ts";
import { person } from "./person.ts";

const CUSTOMERS = ["customer", "customer2"];
const RIDERS = ["rider", "rider2"] as const;

/** Logs everybody in and puts products on sale, before the faults begin. */
export async function assemble(
  frontendUrl: string,
  stocks: readonly number[],
  write: (entry: Entry) => void,
): Promise<Cast> {
  const enter = async (name: string) => person(name, frontendUrl, await tokenOf(frontendUrl, name), write);
  const admin = await logIn(frontendUrl, "admin", "admin-password");
  const productIds: string[] = [];
  for (const stock of stocks) productIds.push(await newProduct(admin, stock));
  const plenty = await newProduct(admin, 100_000);
  const customer = await logIn(frontendUrl, "customer", "customer-password");
  await eventually(
    async () => {
      if (!(await areOrderable(customer, [...productIds, plenty])))
        throw new Error("the products are not in the catalogue yet");
    },
    { deadlineMs: 30_000, pauseMs: 200 },
  );
  return {
    customers: await Promise.all(CUSTOMERS.map(enter)),
    riders: [await enter(RIDERS[0]), await enter(RIDERS[1])],
    ...{ productIds, plenty },
  };
}

async function tokenOf(frontendUrl: string, name: string): Promise<string> {
  const { status, body } = await anyone(frontendUrl).call("POST", "/login", {
    username: name,
    password: `${name}-password`,
  });
  if (status !== 200) throw new Error(`${name} cannot log in: ${status}`);
  return String(body["accessToken"]);
}

async function newProduct(admin: ShopClient, stock: number): Promise<string> {
  const product = { name: `Of ${stock}`, price: 1_000, currency: "KRW", stock };
  const { status, body } = await admin.call("POST", "/api/products", product);
  if (status !== 201) throw new Error(`a product could not be put on sale: ${status}`);
  return String(body["id"]);
}
