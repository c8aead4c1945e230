import { expect, test } from "bun:test";
import { z } from "zod";
import { failDelivery } from "./http/delivery.ts";
import { createOrder } from "./http/order.ts";
import { changeProduct, createProduct } from "./http/product.ts";
import { createUser } from "./http/user.ts";
import { CreateDeliveryCommand, DeliveryFailed } from "./messages/delivery.ts";
import { OrderCreated } from "./messages/order.ts";
import { ProductChanged } from "./messages/product.ts";
import { lookedUpText, optionalLines, text } from "./primitives.ts";

const published = (schema: z.ZodType) => z.toJSONSchema(schema, { io: "input" });

test("the published pattern of a text takes and refuses what the schema does", () => {
  const pattern = new RegExp(published(text(500)).pattern ?? "", "u");
  const samples = [
    "a",
    " a ",
    "a b",
    "😀",
    "한글",
    "",
    " ",
    "\u3000",
    "\ufeff",
    "a\n",
    "\t",
    "a\u0000",
    "\u0085x",
    "x\u007f",
  ];
  for (const sample of samples) {
    expect({ sample, taken: pattern.test(sample) }).toEqual({ sample, taken: text(500).safeParse(sample).success });
  }
});

test("limits that are counted in code points are published too", () => {
  expect(published(createUser.body).properties).toMatchObject({
    password: { minLength: 10, maxLength: 200 },
    displayName: { minLength: 1, maxLength: 100 },
  });
  expect(published(createProduct.body).properties).toMatchObject({
    name: { minLength: 1, maxLength: 200 },
    description: { maxLength: 2000 },
  });
});

test("a text that is looked up is counted in code points, as its schema says, and says that it holds no NUL", () => {
  const name = lookedUpText(3);
  expect(["", "a", "😀😀😀", "😀😀😀😀"].map((value) => name.safeParse(value).success)).toEqual([
    false,
    true,
    true,
    false,
  ]);
  const { pattern } = published(name);
  const samples = ["a", "a\n", "a\u0000"];
  expect(samples.map((value) => new RegExp(String(pattern), "u").test(value))).toEqual([true, true, false]);
  expect(samples.map((value) => name.safeParse(value).success)).toEqual([true, true, false]);
});

/** Every character that there is: halves of surrogate pairs are none. */
function* everyCharacter(): Generator<string> {
  for (let codePoint = 0; codePoint <= 0x10ffff; codePoint += 1) {
    if (codePoint < 0xd800 || codePoint > 0xdfff) yield String.fromCodePoint(codePoint);
  }
}
const shownAs = (value: string) => [...value].map((each) => `U+${each.codePointAt(0)?.toString(16)}`).join(" ");
const ignorable = /^\p{Default_Ignorable_Code_Point}$/u;

test("of all characters none is a text by itself that nobody sees, and the published pattern says the same of each", () => {
  const schema = text(1);
  const pattern = new RegExp(published(schema).pattern ?? "", "u");
  const linesPattern = new RegExp(published(optionalLines(1)).pattern ?? "", "u");
  let taken = 0;
  const wrong: string[] = [];
  for (const character of everyCharacter()) {
    const isTaken = schema.safeParse(character).success;
    if (isTaken) taken += 1;
    const hides = /^[\p{White_Space}\p{Cc}]$/u.test(character) || ignorable.test(character) || character === "\u2800";
    if (hides && isTaken) wrong.push(shownAs(character));
    if (pattern.test(character) !== isTaken || linesPattern.test(character) !== isTaken) wrong.push(shownAs(character));
  }
  expect(wrong).toEqual([]);
  // What is refused is some 4,500 of them: letters, signs, pictures and combining marks stay.
  expect(taken).toBeGreaterThan(0x10ffff - 0x800 - 4_600);
}, 60_000);

test("characters that are not seen make no text however many they are, and spoil none that is seen", () => {
  const unseen = [
    ..."\u00ad\u115f\u1160\u2800\u3164\uffa0\u200b\u200d\u2060\ufeff\ufe0f\u180e\u061c\u202e \u3000",
    "\u{e0020}",
    "\u{e0101}",
    "\u{1d159}",
  ];
  const pattern = new RegExp(published(text(500)).pattern ?? "", "u");
  for (const first of unseen) {
    for (const second of unseen) {
      const nothing = `${first}${second}${first}`;
      expect([shownAs(nothing), text(500).safeParse(nothing).success, pattern.test(nothing)]).toEqual([
        shownAs(nothing),
        false,
        false,
      ]);
      for (const seen of ["a", "가", "😀", "́", "é", "❤️"]) {
        const something = `${first}${seen}${second}`;
        expect([shownAs(something), text(500).safeParse(something).success]).toEqual([shownAs(something), true]);
      }
    }
  }
});

test("a description may be empty or have several lines, and is refused when it is written and nobody sees it", () => {
  const description = optionalLines(20);
  const pattern = new RegExp(published(description).pattern ?? "", "u");
  const samples = ["", "one\n\ttwo", "\u3164", " \n ", "a\u0007", "가\u200b", "a".repeat(20)];
  const taken = samples.map((sample) => description.safeParse(sample).success);
  expect(taken).toEqual([true, true, false, false, false, true, true]);
  expect(samples.map((sample) => pattern.test(sample))).toEqual(taken);
});

test("every text of the API that must not be blank is one that is seen", () => {
  const blank = "\u3164\u200b\u{e0041}";
  const address = { items: [{ productId: crypto.randomUUID(), quantity: 1 }], deliveryAddress: blank };
  const product = { name: "Tea", price: 1, currency: "KRW" } as const;
  const bodies: readonly [z.ZodType, object][] = [
    [createUser.body, { username: "someone", password: "a long password", displayName: blank }],
    [createOrder.body, address],
    [createProduct.body, { ...product, name: blank }],
    [createProduct.body, { ...product, description: blank }],
    [changeProduct.body, { name: blank }],
    [failDelivery.body, { reason: blank }],
  ];
  for (const [schema, body] of bodies) {
    expect([body, schema.safeParse(body).error?.issues.map(({ message }) => message)]).toEqual([
      body,
      [expect.stringContaining("blank")],
    ]);
  }
});

test("messages carry a text that was stored before its rules grew: only what comes in is refused", () => {
  const stored = "\u3164";
  const [orderId, customerId, productId] = [1, 2, 3].map((digit) => `01939e6a-7c00-7000-8000-00000000000${digit}`);
  const delivery = { orderId, customerId, deliveryAddress: stored };
  const order = { ...delivery, items: [{ productId, quantity: 1 }], total: 1, currency: "KRW" };
  const facts = { productId, name: stored, price: 1, currency: "KRW", withdrawn: false, version: 1 };
  const failed = { orderId, deliveryId: productId, reason: stored };
  const read = [
    OrderCreated.data.safeParse(order),
    CreateDeliveryCommand.data.safeParse(delivery),
    ProductChanged.data.safeParse(facts),
    DeliveryFailed.data.safeParse(failed),
  ];
  expect(read.map(({ error }) => error)).toEqual([undefined, undefined, undefined, undefined]);
});
