import { z } from "zod";
import { Currency, ItemToTake, Price, Uuid } from "../primitives.ts";
import { defineMessage } from "./define.ts";

export const DecreaseProductCommand = defineMessage({
  type: "DecreaseProductCommand",
  topic: "product.commands",
  sender: "orchestrator",
  receivers: ["product"],
  summary: "Take the stock of all items, or of none.",
  data: z.object({ orderId: Uuid, items: z.array(ItemToTake).min(1).max(50) }),
});

export const DecreaseRefusal = z.enum(["OUT_OF_STOCK", "PRODUCT_NOT_FOUND", "ALREADY_RETURNED"]);
/** Why stock was not taken. `ALREADY_RETURNED`: the order was cancelled before this command came. */
export type DecreaseRefusal = z.infer<typeof DecreaseRefusal>;

export const ProductDecreased = defineMessage({
  type: "ProductDecreased",
  topic: "product.events",
  sender: "product",
  receivers: ["orchestrator", "order"],
  summary: "The answer to DecreaseProductCommand.",
  data: z.discriminatedUnion("result", [
    z.object({ orderId: Uuid, result: z.literal("SUCCESS") }),
    z.object({ orderId: Uuid, result: z.literal("FAILURE"), reason: DecreaseRefusal }),
  ]),
});

export const IncreaseProductCommand = defineMessage({
  type: "IncreaseProductCommand",
  topic: "product.commands",
  sender: "orchestrator",
  receivers: ["product"],
  summary:
    "Give back exactly the stock that this order took; nothing if it took none, and then none may be taken later.",
  data: z.object({ orderId: Uuid }),
});

export const ProductIncreased = defineMessage({
  type: "ProductIncreased",
  topic: "product.events",
  sender: "product",
  receivers: ["orchestrator", "order"],
  summary: "The order holds no stock any more.",
  data: z.object({ orderId: Uuid }),
});

export const ProductChanged = defineMessage({
  type: "ProductChanged",
  topic: "product.events",
  sender: "product",
  receivers: ["order"],
  summary: "A product's name, price or being on sale; keyed by the product. A higher version replaces a lower one.",
  data: z.object({
    productId: Uuid,
    name: z.string(),
    price: Price,
    currency: Currency,
    withdrawn: z.boolean(),
    version: z.int().min(1),
  }),
});

export const AnnounceProductsCommand = defineMessage({
  type: "AnnounceProductsCommand",
  topic: "product.requests",
  sender: "order",
  receivers: ["product"],
  summary: "The order service's copy of the catalogue is not complete: announce every product again.",
  data: z.object({}),
});

export const ProductsAnnounced = defineMessage({
  type: "ProductsAnnounced",
  topic: "product.events",
  sender: "product",
  receivers: ["order"],
  summary: "The answer to AnnounceProductsCommand, beside a ProductChanged for each product.",
  data: z.object({
    products: z
      .int()
      .min(0)
      .meta({ description: "How many products were announced, those withdrawn from sale included", examples: [10] }),
  }),
});
