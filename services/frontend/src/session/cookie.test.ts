import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { createSessionCookies } from "./cookie.ts";

const cookies = [true, false].map((secure) => createSessionCookies({ secure }));
const word = fc.string({ unit: fc.constantFrom(..."abcXYZ019_-"), minLength: 1, maxLength: 60 });
const session = fc.record({
  refreshToken: fc.array(word, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(".")),
  accessUntilMs: fc.nat(Number.MAX_SAFE_INTEGER),
  accessToken: fc.tuple(word, word, word).map((parts) => parts.join(".")),
});
const pairOf = (setCookie: string) => setCookie.split(";", 1)[0] ?? "";

test("whatever session is kept is the one that is read, also among other cookies", () => {
  fc.assert(
    fc.property(session, word, fc.constantFrom(...cookies), (kept, other, { keep, read }) => {
      expect(read(`_${other}=1; ${pairOf(keep(kept))}; x${other}=2`)).toEqual(kept);
    }),
  );
});

test("a cookie that is changed, cut off or of any bytes is no session, or one of which no part can end a header or begin another", () => {
  const damaged = fc
    .tuple(session, fc.nat(400), fc.string({ unit: "binary", maxLength: 3 }), fc.boolean())
    .map(([kept, place, put, isCut]) => {
      const value = pairOf(cookies[1]?.keep(kept) ?? "").slice("session=".length);
      const at = place % (value.length + 1);
      return value.slice(0, at) + (isCut ? "" : put + value.slice(at + put.length));
    });
  fc.assert(
    fc.property(fc.oneof(damaged, fc.string({ unit: "binary", maxLength: 2_000 })), (value) => {
      for (const [cookie, name] of [
        [cookies[0], "__Host-session"],
        [cookies[1], "session"],
      ] as const) {
        const found = cookie?.read(`${name}=${value}`);
        if (found === undefined) continue;
        expect(found.accessToken.replaceAll(/[\w-]+/g, "")).toBe("..");
        expect(found.refreshToken.replaceAll(/[\w.-]+/g, "")).toBe("");
        expect(found.refreshToken.length).toBeWithin(1, 501);
        expect(Number.isFinite(found.accessUntilMs)).toBe(true);
      }
    }),
    { numRuns: 500 },
  );
});

test("a cookie of plain http is no session where browsers come by https, and the other way round", () => {
  fc.assert(
    fc.property(session, (kept) => {
      const [secure, plain] = cookies;
      expect(secure?.read(pairOf(plain?.keep(kept) ?? ""))).toBeUndefined();
      expect(plain?.read(pairOf(secure?.keep(kept) ?? ""))).toBeUndefined();
    }),
  );
});
