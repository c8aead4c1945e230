import { z } from "zod";
import { Currency, MAX_STOCK, optionalLines, Price, text, Uuid } from "../primitives.ts";
import { conditionalHeaders, defineEndpoint, EntityTag } from "./define.ts";
import { pageOf, pageQuery } from "./page.ts";

export const Product = z
  .object({
    id: Uuid,
    name: z.string(),
    description: z.string(),
    price: Price,
    currency: Currency,
    stock: z.int().min(0).max(MAX_STOCK),
    version: z
      .int()
      .min(1)
      .meta({ description: "Grows with each change of the name, the description, the price or the currency" }),
  })
  .meta({ id: "Product" });
export type Product = z.infer<typeof Product>;

const Description = optionalLines(2000);

const ofProduct = { name: text(200), description: Description, price: Price, currency: Currency };

/** The version of a product as an entity tag. The stock is no part of it: it changes with every order. */
const etag = EntityTag.meta({
  description: "The product's version; its stock may change without it",
  examples: ['"3"'],
});

const versionMismatch = "The present version does not fit `If-Match` or `If-None-Match`; nothing was changed";

export const listProducts = defineEndpoint({
  name: "listProducts",
  service: "product",
  method: "GET",
  path: "/api/products",
  summary: "Products on sale, newest first",
  access: "anyone",
  query: pageQuery({}),
  success: { status: 200, schema: pageOf(Product) },
});

export const getProduct = defineEndpoint({
  name: "getProduct",
  service: "product",
  method: "GET",
  path: "/api/products/{id}",
  summary: "One product",
  access: "anyone",
  headers: conditionalHeaders,
  success: { status: 200, schema: Product, headers: { etag } },
  refusals: { NOT_FOUND: "Unknown, or withdrawn from sale", VERSION_MISMATCH: versionMismatch },
});

export const createProduct = defineEndpoint({
  name: "createProduct",
  service: "product",
  method: "POST",
  path: "/api/products",
  summary: "Put a product on sale",
  access: ["admin"],
  body: z.strictObject({
    ...ofProduct,
    description: Description.default(""),
    stock: z.int().min(0).max(MAX_STOCK).default(0),
  }),
  success: {
    status: 201,
    schema: Product,
    headers: {
      location: z.string().meta({
        description: "Where the product is",
        examples: ["/api/products/01939e6a-7c00-7000-8000-000000000010"],
      }),
      etag,
    },
  },
});

export const changeProduct = defineEndpoint({
  name: "changeProduct",
  service: "product",
  method: "PATCH",
  path: "/api/products/{id}",
  summary: "Change a product's name, description or price",
  access: ["admin"],
  headers: conditionalHeaders,
  body: z.strictObject(ofProduct).partial(),
  success: { status: 200, schema: Product, headers: { etag } },
  refusals: { NOT_FOUND: "Unknown, or withdrawn from sale", VERSION_MISMATCH: versionMismatch },
});

export const withdrawProduct = defineEndpoint({
  name: "withdrawProduct",
  service: "product",
  method: "DELETE",
  path: "/api/products/{id}",
  summary: "Withdraw a product from sale",
  access: ["admin"],
  headers: conditionalHeaders,
  success: { status: 204, schema: undefined },
  refusals: { NOT_FOUND: "Unknown, or withdrawn already", VERSION_MISMATCH: versionMismatch },
});

export const changeStock = defineEndpoint({
  name: "changeStock",
  service: "product",
  method: "POST",
  path: "/api/products/{id}/stock",
  summary: "Add to the stock, or take from it with a negative delta",
  access: ["admin"],
  headers: conditionalHeaders,
  body: z.strictObject({ delta: z.int().min(-MAX_STOCK).max(MAX_STOCK) }),
  success: { status: 200, schema: Product, headers: { etag } },
  refusals: {
    NOT_FOUND: "Unknown, or withdrawn from sale",
    VERSION_MISMATCH: versionMismatch,
    STOCK_OUT_OF_RANGE: "The stock would be below 0 or too large",
  },
});
