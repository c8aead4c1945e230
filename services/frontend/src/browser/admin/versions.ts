import type { Product } from "@shop/contracts/http/product";

/** What an operator can change of a product besides its stock. */
export type ProductFields = Pick<Product, "name" | "description" | "price">;

const FIELDS = ["name", "description", "price"] as const satisfies readonly (keyof ProductFields)[];

/** The fields that differ, as `after` has them. */
export function differences(before: ProductFields, after: ProductFields): Partial<ProductFields> {
  return Object.fromEntries(FIELDS.filter((name) => before[name] !== after[name]).map((name) => [name, after[name]]));
}

/** A field that somebody else has changed meanwhile. */
export interface FieldChange {
  readonly field: keyof ProductFields;
  readonly before: string | number;
  readonly theirs: string | number;
  /** What one's own form has; undefined when it leaves the field as it was, or agrees with them. */
  readonly mine: string | number | undefined;
}

/** What somebody else has changed, beside what one's own form would change. */
export function changedMeanwhile(
  before: ProductFields,
  theirs: ProductFields,
  mine: ProductFields,
): readonly FieldChange[] {
  return FIELDS.filter((field) => before[field] !== theirs[field]).map((field) => ({
    field,
    before: before[field],
    theirs: theirs[field],
    mine: mine[field] === before[field] || mine[field] === theirs[field] ? undefined : mine[field],
  }));
}
