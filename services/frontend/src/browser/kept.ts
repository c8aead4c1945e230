import type { Product } from "@shop/contracts/http/product";
import { MAX_PRODUCTS, MAX_QUANTITY } from "./limits.ts";

/** What a cart remembers of a product: how it was shown when it was put in. */
export type CartProduct = Pick<Product, "id" | "name" | "price" | "currency" | "stock">;

export interface CartLine {
  readonly product: CartProduct;
  readonly quantity: number;
}

/** What a person typed and is to find again. It is bound to them, and leaves the browser with them. */
export interface Personal {
  readonly userId: string;
  readonly deliveryAddress: string;
}

const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/;
/** UTF-16 units: twice the code points that an address may have. */
const LONGEST_ADDRESS = 1_000;

const isWhole = (value: unknown, least: number, most: number): value is number =>
  Number.isInteger(value) && Number(value) >= least && Number(value) <= most;

/** One line of a stored cart; undefined when it is none. */
function lineOf(value: unknown): CartLine | undefined {
  const { product, quantity } = (value ?? {}) as Partial<Record<keyof CartLine, unknown>>;
  const { id, name, price, currency, stock } = (product ?? {}) as Partial<Record<keyof CartProduct, unknown>>;
  if (typeof id !== "string" || !UUID.test(id)) return undefined;
  if (typeof name !== "string" || name.trim() === "" || name.length > 400) return undefined;
  if (currency !== "KRW" || !isWhole(price, 0, 1_000_000_000) || !isWhole(stock, 0, 2_147_483_647)) return undefined;
  if (!isWhole(quantity, 1, MAX_QUANTITY)) return undefined;
  return { product: { id, name, price, currency, stock }, quantity };
}

/** The lines of a stored cart that can be ordered; undefined when it is no cart at all. */
export function cartOf(value: unknown): readonly CartLine[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const lines = new Map<string, CartLine>();
  for (const one of value) {
    const line = lineOf(one);
    if (line !== undefined && lines.size < MAX_PRODUCTS) lines.set(line.product.id, line);
  }
  return [...lines.values()];
}

/** @returns what was kept, when it is of this shape */
export function personalOf(value: unknown): Personal | undefined {
  const { userId, deliveryAddress } = (value ?? {}) as Partial<Record<keyof Personal, unknown>>;
  if (typeof userId !== "string" || typeof deliveryAddress !== "string") return undefined;
  return deliveryAddress.length > LONGEST_ADDRESS ? undefined : { userId, deliveryAddress };
}

/** @returns an idempotency key as it was kept */
export function orderKeyOf(value: unknown): string | undefined {
  return typeof value === "string" && UUID.test(value) ? value : undefined;
}
