import { expect, test } from "bun:test";
import { csvHead, csvRow } from "./csv.ts";

test("a row is one line of RFC 4180, whatever its texts hold, with what is nested as JSON", () => {
  const row = { id: "a", text: 'one, "two"\nthree', none: null, count: -3, items: [{ name: "x" }], done: true };
  expect(csvHead(row)).toBe("id,text,none,count,items,done\r\n");
  expect(csvRow(row)).toBe('a,"one, ""two""\nthree",,-3,"[{""name"":""x""}]",true\r\n');
});

test("no text is a formula to a spreadsheet", () => {
  expect(csvRow({ a: "=1+1", b: "+82 10", c: "-x", d: "@x", e: "safe=1" })).toBe("'=1+1,'+82 10,'-x,'@x,safe=1\r\n");
});
