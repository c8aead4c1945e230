import type { CartLine, CartProduct } from "../kept.ts";

/** In what an order would differ from what was shown. Prices are in the currency's minor unit. */
export type CartChange = { readonly product: CartProduct } & (
  | { readonly kind: "price"; readonly was: number }
  | { readonly kind: "fewer"; readonly was: number }
  | { readonly kind: "gone" | "soldOut" }
);

/** What can be ordered in place of what was shown. */
export interface Offer {
  readonly lines: readonly CartLine[];
  readonly changes: readonly CartChange[];
}

export const totalOf = (lines: readonly CartLine[]): number =>
  lines.reduce((sum, { product, quantity }) => sum + product.price * quantity, 0);

/**
 * What can be ordered of the lines that were shown.
 * @param now the products as the shop has them, by id; undefined: not on sale. Of one that is missing nothing is known, and it stays.
 */
export function offerOf(shown: readonly CartLine[], now: ReadonlyMap<string, CartProduct | undefined>): Offer {
  const lines: CartLine[] = [];
  const changes: CartChange[] = [];
  for (const line of shown) {
    const { product: was, quantity } = line;
    const product = now.has(was.id) ? now.get(was.id) : was;
    if (product === undefined) changes.push({ kind: "gone", product: was });
    else if (product.stock === 0) changes.push({ kind: "soldOut", product });
    else {
      const left = Math.min(quantity, product.stock);
      if (product.price !== was.price) changes.push({ kind: "price", product, was: was.price });
      if (left !== quantity) changes.push({ kind: "fewer", product, was: quantity });
      lines.push({ product, quantity: left });
    }
  }
  return { lines, changes };
}
