import { describe, expect, test } from "bun:test";
import { conditionalHeaders } from "@shop/contracts/http/define";
import { evaluatePreconditions, type Verdict } from "./preconditions.ts";
import { serveFile, staticFile } from "../server/static-file.ts";

const PRESENT = '"3"';

test.each<[method: string, ifMatch: string | null, ifNoneMatch: string | null, Verdict]>([
  ["PATCH", null, null, "met"],
  ["PATCH", '"3"', null, "met"],
  ["PATCH", '"2"', null, "failed"],
  ["PATCH", "*", null, "met"],
  ["PATCH", '"1", "3"', null, "met"],
  ["PATCH", '"1","2"', null, "failed"],
  ["PATCH", ', "1",, "3" ,', null, "met"],
  // A weak tag never matches strongly, and a comma within a tag parts nothing.
  ["PATCH", 'W/"3"', null, "failed"],
  ["PATCH", '"2,"', null, "failed"],
  ["PATCH", '"x,"3"', null, "failed"],
  ["GET", '"2"', null, "failed"],
  ["GET", null, '"3"', "notModified"],
  ["HEAD", null, '"3"', "notModified"],
  ["GET", null, 'W/"3"', "notModified"],
  ["GET", null, '"2", W/"3"', "notModified"],
  ["GET", null, "*", "notModified"],
  ["GET", null, '"2"', "met"],
  ["GET", null, '"33"', "met"],
  ["DELETE", null, '"3"', "failed"],
  ["DELETE", null, 'W/"3"', "failed"],
  ["DELETE", null, "*", "failed"],
  ["DELETE", null, '"2"', "met"],
  // If-Match comes first, and both have to hold.
  ["GET", '"2"', '"3"', "failed"],
  ["GET", '"3"', '"3"', "notModified"],
  ["PATCH", '"3"', '"2"', "met"],
])("%s with If-Match %p and If-None-Match %p, of the version 3: %s", (method, ifMatch, ifNoneMatch, verdict) => {
  expect(evaluatePreconditions({ method, ifMatch, ifNoneMatch }, PRESENT)).toBe(verdict);
});

test("entity tags are read as RFC 9110 writes them, and nothing else is", () => {
  const schema = conditionalHeaders["if-match"];
  const accepted = (values: readonly string[]) => values.filter((value) => schema.safeParse(value).success);
  const good = ["*", '"3"', 'W/"3"', '""', '"a,b"', '"1", "2"', '"1","2"', ', "1" ,, "2",', '"\u00ff"'];
  const bad = ["", "3", "*, *", '*, "3"', '"3" "4"', '"3', 'w/"3"', 'W/ "3"', ",", '"a b"', '"a"b"', '"\u0007"'];
  expect(accepted([...good, ...bad])).toEqual(good);
});

test("a header of any length is read in time that grows with its length", () => {
  const schema = conditionalHeaders["if-match"];
  const hard = ['"1"', `${" ".repeat(20_000)}x`, `${'"1" , '.repeat(4_000)}x`, `${",".repeat(20_000)}"`];
  expect(hard.map((value) => schema.safeParse(value).success)).toEqual([true, false, false, false]);
}, 60_000);

describe("a file", () => {
  const answer = async (headers: Record<string, string>) =>
    serveFile(await staticFile(new TextEncoder().encode("hello"), "text/plain"), new Headers(headers), {
      "cache-control": "no-cache",
    });

  test("that the caller has is 304 however its tag is listed, with what a 200 says of keeping it", async () => {
    const etag = (await answer({})).headers.get("etag") ?? "";
    for (const condition of [etag, `W/${etag}`, `"other", ${etag}`, `"other",W/${etag}`, "*"]) {
      const { status, headers } = await answer({ "if-none-match": condition });
      expect([condition, status]).toEqual([condition, 304]);
      expect([headers.get("etag"), headers.get("cache-control"), headers.get("vary")]).toEqual([
        etag,
        "no-cache",
        "Accept-Encoding",
      ]);
    }
    for (const condition of ['"other"', etag.slice(1, -1), `${etag.slice(0, -1)}x"`]) {
      expect([condition, (await answer({ "if-none-match": condition })).status]).toEqual([condition, 200]);
    }
  });

  test("that is wanted only as it was before is 412 when it is another one", async () => {
    const etag = (await answer({})).headers.get("etag") ?? "";
    expect((await answer({ "if-match": etag })).status).toBe(200);
    expect((await answer({ "if-match": '"other"' })).status).toBe(412);
  });
});
