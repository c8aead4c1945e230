/** How much is done at once at most. Where a limit is undefined it is the product's own. */
export interface Limits {
  /** Records that one call of a handler takes. */
  readonly handled: number | undefined;
  /** Rows and bytes that the relay publishes. */
  readonly publishedRows: number | undefined;
  readonly publishedBytes: number | undefined;
  /** Database connections of a process. */
  readonly connections: number | undefined;
}

export const PRODUCT_LIMITS: Limits = {
  handled: undefined,
  publishedRows: undefined,
  publishedBytes: undefined,
  connections: undefined,
};
