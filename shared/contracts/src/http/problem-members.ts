import { z } from "zod";
import { Currency } from "../primitives.ts";
import { OrderItem, Total } from "./order.ts";
import type { ProblemCode } from "./problem.ts";
import { Product } from "./product.ts";

/** The members that problems of some codes have beside those of every problem (RFC 9457, section 3.2). */
export const problemMembers = {
  PRICE_CHANGED: z.object({
    expectedTotal: Total.meta({ description: "As the request had it" }),
    total: Total.meta({ description: "What the order would cost" }),
    currency: Currency,
    items: z.array(OrderItem).meta({ description: "The items as they would be bought, with their prices" }),
  }),
  VERSION_MISMATCH: z.object({
    version: z.int().min(1).meta({ description: "The present version" }),
    product: Product.meta({ description: "The product as it is" }),
  }),
} as const satisfies Partial<Record<ProblemCode, z.ZodType>>;

export type CodeWithMembers = keyof typeof problemMembers;

/** The members of problems with this code; of most codes there are none. */
export type MembersOf<Code extends ProblemCode> = Code extends CodeWithMembers
  ? z.infer<(typeof problemMembers)[Code]>
  : unknown;
