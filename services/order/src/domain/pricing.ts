import type { OrderItem } from "@shop/contracts/http/order";
import type { ItemToTake } from "@shop/contracts/primitives";

/** A product as the order service's copy of the catalogue knows it. */
export interface CatalogueEntry {
  readonly productId: string;
  readonly name: string;
  readonly price: number;
  readonly withdrawn: boolean;
}

export type Pricing =
  | { readonly kind: "priced"; readonly items: readonly OrderItem[]; readonly total: number }
  /** Positions in the order of products that are not on sale. */
  | { readonly kind: "unknownProducts"; readonly positions: readonly number[] };

/** Prices an order's items by the catalogue, in the currency's minor unit. */
export function price(items: readonly ItemToTake[], catalogue: ReadonlyMap<string, CatalogueEntry>): Pricing {
  const priced: OrderItem[] = [];
  const unknown: number[] = [];
  for (const [position, { productId, quantity }] of items.entries()) {
    const entry = catalogue.get(productId.toLowerCase());
    if (entry === undefined || entry.withdrawn) unknown.push(position);
    else priced.push({ productId: entry.productId, name: entry.name, unitPrice: entry.price, quantity });
  }
  if (unknown.length > 0) return { kind: "unknownProducts", positions: unknown };
  const total = priced.reduce((sum, { unitPrice, quantity }) => sum + unitPrice * quantity, 0);
  return { kind: "priced", items: priced, total };
}
