/** The most that an order may have of one product. */
export const MAX_QUANTITY = 1_000;
/** The most products that an order may have. */
export const MAX_PRODUCTS = 50;
