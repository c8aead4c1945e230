import { z } from "zod";

/** The largest price of one unit, in the currency's minor unit. With quantities of at most 1000 and 50 items a total stays an exact JSON number. */
export const MAX_PRICE = 1_000_000_000;
/** The largest stock of one product: PostgreSQL's `integer`. */
export const MAX_STOCK = 2_147_483_647;

export const Uuid = z.uuid().meta({ description: "A UUID, version 7 where we made it" });
/** Money is a whole number of the currency's minor unit. */
export const Price = z
  .int()
  .min(0)
  .max(MAX_PRICE)
  .meta({ description: "In the currency's minor unit", examples: [12_000] });
export const Currency = z.literal("KRW");
export const Instant = z.iso.datetime().meta({ description: "RFC 3339, UTC", examples: ["2026-11-23T04:05:06.789Z"] });

/** Control characters: C0, DEL and C1. A name, a reason or an address has no use for them, and they corrupt logs and terminals. */
const CONTROL = /\p{Cc}/u;
const NO_CONTROLS_IN_LINES = String.raw`[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*`;
const NO_CONTROLS = String.raw`[^\u0000-\u001f\u007f-\u009f]*`;

/**
 * A character that is seen. Spaces are not, nor what Unicode calls default ignorable: Hangul fillers, zero-width characters, the soft hyphen,
 * variation selectors, tags, marks of direction. Nor are the braille blank, the marks of interlinear annotations, those that arrange
 * hieroglyphs, and the null notehead, which have glyphs of nothing.
 */
const SEEN = /[^\p{White_Space}\p{Cc}\p{Default_Ignorable_Code_Point}\u2800\ufff9-\ufffb\u{13430}-\u{1343f}\u{1d159}]/u;
/** Whether somebody who reads a text sees anything of it. */
const showsSomething = (value: string) => SEEN.test(value);

/** One of SEEN for JSON Schema, whose readers do not all know `\p`. Beyond U+FFFF they do not write code points alike either: those stand for themselves. */
const SEEN_PATTERN = [
  String.raw`[^\u0000-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f`,
  String.raw`\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb`,
  ...[
    [0x13430, 0x1343f],
    [0x1bca0, 0x1bca3],
    [0x1d159, 0x1d159],
    [0x1d173, 0x1d17a],
    [0xe0000, 0xe0fff],
  ].map((range) => range.map((codePoint) => String.fromCodePoint(codePoint)).join("-")),
  "]",
].join("");

/** Text that a person typed: counted in code points, not blank, without control characters. */
export const text = (maxCodePoints: number) =>
  z
    .string()
    .refine((value) => [...value].length <= maxCodePoints, { message: `must be at most ${maxCodePoints} characters` })
    .refine(showsSomething, { message: "must not be blank" })
    .refine((value) => !CONTROL.test(value), { message: "must not contain control characters" })
    .meta({ minLength: 1, maxLength: maxCodePoints, pattern: `^${NO_CONTROLS}${SEEN_PATTERN}${NO_CONTROLS}$` });

/** Text of several lines that a person typed, or none at all: counted in code points, not blank unless it is empty, without control characters other than line breaks and tabs. */
export const optionalLines = (maxCodePoints: number) =>
  z
    .string()
    .refine((value) => [...value].length <= maxCodePoints, { message: `must be at most ${maxCodePoints} characters` })
    .refine((value) => value === "" || showsSomething(value), { message: "must be empty or not blank" })
    .refine((value) => !/[^\P{Cc}\n\t]/u.test(value), { message: "must not contain control characters" })
    .meta({ maxLength: maxCodePoints, pattern: `^(${NO_CONTROLS_IN_LINES}${SEEN_PATTERN}${NO_CONTROLS_IN_LINES})?$` });

/** Text that is only looked up or compared, such as a token: counted in code points, and without NUL, which no database looks up. */
export const lookedUpText = (maxCodePoints: number) =>
  z
    .string()
    .refine((value) => value !== "", { message: "must not be empty" })
    .refine((value) => [...value].length <= maxCodePoints, { message: `must be at most ${maxCodePoints} characters` })
    .refine((value) => !value.includes("\0"), { message: "must not contain NUL" })
    .meta({ minLength: 1, maxLength: maxCodePoints, pattern: String.raw`^[^\u0000]*$` });

/** How many of one product an order may take. */
export const MAX_QUANTITY = 1000;
export const Quantity = z.int().min(1).max(MAX_QUANTITY);

/** What an order takes of one product. */
export const ItemToTake = z.object({ productId: Uuid, quantity: Quantity });
export type ItemToTake = z.infer<typeof ItemToTake>;

export const CancelReason = z.enum([
  "OUT_OF_STOCK",
  "PRODUCT_NOT_FOUND",
  "CANCELLED_BY_CUSTOMER",
  "CANCELLED_BY_ADMIN",
  "DELIVERY_FAILED",
  "TIMED_OUT",
]);
/** Why an order was cancelled. */
export type CancelReason = z.infer<typeof CancelReason>;

/** By which a call that is sent again is known. */
export const IdempotencyKey = z.string().regex(/^[\x21-\x7e]{1,200}$/, "must be 1 to 200 visible ASCII characters");

/** What stands where something about an erased customer stood. */
export const ERASED = "erased";
