/** What a product says of itself; the stock is no part of it. */
export interface ProductFacts {
  readonly name: string;
  readonly description: string;
  readonly price: number;
  readonly currency: "KRW";
}

/** The facts that an admin wants to have changed; what is not given stays. */
export type ProductChange = { readonly [Fact in keyof ProductFacts]?: ProductFacts[Fact] | undefined };

/** @returns the facts after the change, or undefined when they say what they said before */
export function applyChange(facts: ProductFacts, change: ProductChange): ProductFacts | undefined {
  const { name, description, price, currency } = facts;
  const after = {
    name: change.name ?? name,
    description: change.description ?? description,
    price: change.price ?? price,
    currency: change.currency ?? currency,
  };
  const isSame =
    after.name === name && after.description === description && after.price === price && after.currency === currency;
  return isSame ? undefined : after;
}
