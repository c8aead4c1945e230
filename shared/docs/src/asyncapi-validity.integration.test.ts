import { Parser } from "@asyncapi/parser";
import { expect, test } from "bun:test";
import { asyncApiDocument } from "./asyncapi.ts";

/** What AsyncAPI's own parser finds wrong; that there is a newer version of the specification is not among it. */
async function errorsOf(given: object): Promise<readonly string[]> {
  const { diagnostics } = await new Parser().parse(JSON.stringify(given));
  return diagnostics
    .filter(({ code }) => code !== "asyncapi-latest-version")
    .map(({ path, message }) => `${path.join("/")}: ${message}`);
}

test("the AsyncAPI document is valid by AsyncAPI's own parser, and one that is not is found", async () => {
  const document = asyncApiDocument();
  expect(await errorsOf(document)).toEqual([]);
  expect(await errorsOf({ ...document, channels: {} })).not.toEqual([]);
}, 120_000);
