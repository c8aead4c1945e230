import { expect, test } from "bun:test";
import { z } from "zod";
import { createProduct } from "./http/product.ts";
import { createUser } from "./http/user.ts";
import { lookedUpText, text } from "./primitives.ts";

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
