import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, spyOn, test } from "bun:test";
import * as fc from "fast-check";
import { delay, http, HttpResponse } from "msw";
import { setupServer } from "msw/node";
import { type Clock, systemClock } from "@shop/runtime/clock";
import { createLogger } from "@shop/runtime/logger";
import { eventually } from "@shop/testing/eventually";
import { capturedLogger } from "@shop/testing/logger";
import { UnavailableError } from "../request/errors.ts";
import {
  AUDIENCE,
  createSigner,
  goodClaims,
  goodHeader,
  ISSUER,
  KID,
  part,
  type Signer,
  USER_ID,
} from "../testing/tokens.ts";
import { createTokenVerifier, type TokenVerifier } from "./token-verifier.ts";

const JWKS_URL = "http://user.test/.well-known/jwks.json";
const upstream = setupServer();
let nowMs: number;
let fetches: number;
let shown: Readonly<Record<string, unknown>>[];
let signer: Signer;
let verifier: TokenVerifier;

beforeAll(() => upstream.listen({ onUnhandledRequest: "error" }));
afterEach(() => upstream.resetHandlers());
afterAll(() => upstream.close());

beforeEach(async () => {
  nowMs = Date.UTC(2026, 0, 1);
  fetches = 0;
  signer = await createSigner();
  shown = [signer.publicJwk];
  upstream.use(
    http.get(JWKS_URL, () => {
      fetches += 1;
      return HttpResponse.json({ keys: shown });
    }),
  );
  verifier = createVerifier();
});

function createVerifier(options: { maxRemembered?: number; clock?: Clock } = {}): TokenVerifier {
  const clock = { ...systemClock, now: () => nowMs, elapsed: () => nowMs };
  const logger = createLogger({ service: "test", level: "error", clock });
  return createTokenVerifier({ jwksUrl: JWKS_URL, issuer: ISSUER, audience: AUDIENCE, clock, logger, ...options });
}

const goodToken = (changes: object = {}) => signer.sign(goodHeader, { ...goodClaims(nowMs), ...changes });

describe("tokens", () => {
  test("a good one gives who it stands for, and its signature is checked once", async () => {
    const token = await goodToken({ role: "admin", sub: USER_ID.toUpperCase() });
    expect(await verifier.verify(token)).toMatchObject({ id: USER_ID, role: "admin" });
    expect(await verifier.verify(token)).toMatchObject({ id: USER_ID, role: "admin" });
    expect(fetches).toBe(1);
  });

  test("aud may be a list, typ may carry its full name", async () => {
    expect(await verifier.verify(await goodToken({ aud: ["other", AUDIENCE] }))).toBeDefined();
    const token = await signer.sign({ ...goodHeader, typ: "application/at+JWT" }, goodClaims(nowMs));
    expect(await verifier.verify(token)).toBeDefined();
  });

  test("a missing or wrong claim makes it worthless", async () => {
    const nowS = nowMs / 1000;
    const broken: Record<string, readonly unknown[]> = {
      iss: [undefined, "https://other.test", `${ISSUER}/`, 1],
      aud: [undefined, "other", [], ["other"], { shop: true }],
      sub: [undefined, "", "customer", 1, null],
      role: [undefined, "root", ["admin"], ""],
      exp: [undefined, null, "9999999999", nowS - 5, 253_402_300_799, nowS + 906],
      iat: [undefined, nowS + 6, nowS - 6, "0", nowS + 901],
      jti: [undefined, "", 1],
      nbf: [nowS + 6, "0"],
    };
    for (const [claim, values] of Object.entries(broken)) {
      for (const value of values) {
        expect({ claim, value, principal: await verifier.verify(await goodToken({ [claim]: value })) }).toEqual({
          claim,
          value,
          principal: undefined,
        });
      }
    }
  });

  test("a missing or wrong header makes it worthless", async () => {
    const wrong = [
      { typ: "JWT" },
      { typ: undefined },
      { typ: "at" },
      { kid: undefined },
      { kid: "" },
      { kid: 1 },
      { crit: ["exp"] },
    ];
    const algorithms = [
      { alg: "none" },
      { alg: "HS256" },
      { alg: "ES256" },
      { alg: "RS256" },
      { alg: undefined },
      { alg: "eddsa" },
    ];
    for (const change of [...wrong, ...algorithms]) {
      const token = await signer.sign({ ...goodHeader, ...change }, goodClaims(nowMs));
      expect({ change, principal: await verifier.verify(token) }).toEqual({ change, principal: undefined });
    }
  });

  test("alg none without a signature and HS256 keyed with the public key are worthless", async () => {
    const unsigned = `${part({ ...goodHeader, alg: "none" })}.${part(goodClaims(nowMs))}.`;
    expect(await verifier.verify(unsigned)).toBeUndefined();
    const content = `${part({ ...goodHeader, alg: "HS256" })}.${part(goodClaims(nowMs))}`;
    const secret = Buffer.from(String(signer.publicJwk["x"]), "base64url");
    const signature = new Bun.CryptoHasher("sha256", secret).update(content).digest("base64url");
    expect(await verifier.verify(`${content}.${signature}`)).toBeUndefined();
  });

  test("a changed payload, another key under the same id, and garbage are worthless", async () => {
    const [header = "", , signature = ""] = (await goodToken()).split(".");
    const forged = `${header}.${part({ ...goodClaims(nowMs), role: "admin" })}.${signature}`;
    const other = await (await createSigner()).sign(goodHeader, goodClaims(nowMs));
    const good = await goodToken();
    for (const token of [
      forged,
      other,
      "",
      ".",
      "..",
      "a.b",
      "a.b.c",
      `${good}.x`,
      `${good}!`,
      good.slice(0, -3),
      "null.null.null",
      `${part(null)}.${part(null)}.x`,
    ]) {
      expect({ token, principal: await verifier.verify(token) }).toEqual({ token, principal: undefined });
    }
  });

  test("the same signature spelled otherwise is worthless: padded, or with another last character", async () => {
    const good = await goodToken();
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const others = [...alphabet].map((last) => good.slice(0, -1) + last).filter((token) => token !== good);
    for (const token of [`${good}=`, `${good}==`, ...others]) expect(await verifier.verify(token)).toBeUndefined();
    expect(await verifier.verify(good)).toBeDefined();
  });

  test("a token of more than 4 KiB is not even looked at", async () => {
    expect(await verifier.verify(await goodToken({ more: "x".repeat(5_000) }))).toBeUndefined();
    expect(fetches).toBe(0);
  });

  test("five seconds of leeway, and not one more, also for a remembered token", async () => {
    const token = await goodToken();
    nowMs -= 5_000;
    expect(await verifier.verify(token)).toBeDefined();
    nowMs += 5_000 + 904_999;
    expect(await verifier.verify(token)).toBeDefined();
    nowMs += 1;
    expect(await verifier.verify(token)).toBeUndefined();
  });

  test("no more tokens are remembered than allowed", async () => {
    verifier = createVerifier({ maxRemembered: 2 });
    for (const jti of ["a", "b", "c", "d"]) expect(await verifier.verify(await goodToken({ jti }))).toBeDefined();
  });
});

describe("keys", () => {
  test("a new key is fetched when its id shows up, at most once a second however many ask", async () => {
    await verifier.verify(await goodToken());
    const next = await createSigner("key-2");
    const token = await next.sign({ ...goodHeader, kid: "key-2" }, goodClaims(nowMs));
    nowMs += 500;
    expect(await verifier.verify(token)).toBeUndefined();
    expect(fetches).toBe(1);
    nowMs += 500;
    shown = [signer.publicJwk, next.publicJwk];
    const all = await Promise.all(Array.from({ length: 20 }, () => verifier.verify(token)));
    expect(all.every((principal) => principal?.id === USER_ID)).toBe(true);
    expect(fetches).toBe(2);
  });

  test("the last known keys go on when the key set is away, slow or garbage", async () => {
    await verifier.verify(await goodToken());
    const bad = [
      () => HttpResponse.error(),
      () => new HttpResponse("<html>", { status: 502 }),
      () => HttpResponse.json({ keys: "none" }),
      () => HttpResponse.json(null),
    ];
    for (const answer of bad) {
      upstream.use(http.get(JWKS_URL, answer));
      nowMs += 6 * 60_000;
      const token = await goodToken();
      expect(await verifier.verify(token)).toBeDefined();
      const unknown = await signer.sign({ ...goodHeader, kid: "key-9" }, goodClaims(nowMs));
      // It may be signed with a key that is new: nobody is to be told that it is bad.
      await expect(verifier.verify(unknown)).rejects.toBeInstanceOf(UnavailableError);
    }
  });

  test("never fetched and not to be had is a fault of ours (503), not the caller's (401), and heals", async () => {
    upstream.use(http.get(JWKS_URL, () => HttpResponse.error(), { once: true }));
    const token = await goodToken();
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      await expect(verifier.verify(token)).rejects.toBeInstanceOf(UnavailableError);
    }
    expect(fetches).toBe(0);
    nowMs += 1_000;
    expect(await verifier.verify(token)).toBeDefined();
  });

  test("a token that comes before the first keys are shown waits for them", async () => {
    nowMs = Date.now();
    verifier = createVerifier({ clock: systemClock });
    let asked = 0;
    upstream.use(http.get(JWKS_URL, () => ((asked += 1) > 3 ? undefined : HttpResponse.error())));
    expect(await verifier.verify(await goodToken())).toBeDefined();
    expect(asked).toBe(4);
  });

  test("fetched ahead, as soon as they can be had, they serve the first token while the key set is away", async () => {
    upstream.use(http.get(JWKS_URL, () => HttpResponse.error(), { once: true }));
    const clock = {
      ...systemClock,
      now: () => nowMs,
      elapsed: () => nowMs,
      sleep: async (ms: number) => void (nowMs += ms),
    };
    const logger = createLogger({ service: "test", level: "error", clock });
    verifier = createTokenVerifier({ jwksUrl: JWKS_URL, issuer: ISSUER, audience: AUDIENCE, clock, logger });
    await verifier.fetchKeysAhead();
    expect(fetches).toBe(1);
    upstream.use(http.get(JWKS_URL, () => HttpResponse.error()));
    expect(await verifier.verify(await goodToken())).toBeDefined();
  });

  test("at a start nobody is warned of keys that are not shown yet; after half a minute without any, someone is", async () => {
    upstream.use(http.get(JWKS_URL, () => HttpResponse.error()));
    const { logger, lines } = capturedLogger();
    const clock = { ...systemClock, now: () => nowMs, elapsed: () => nowMs };
    verifier = createTokenVerifier({ jwksUrl: JWKS_URL, issuer: ISSUER, audience: AUDIENCE, clock, logger });
    const levels = async () => {
      await expect(verifier.verify(await goodToken())).rejects.toBeInstanceOf(UnavailableError);
      return lines.map(({ level }) => level);
    };
    expect(await levels()).toEqual(["debug"]);
    nowMs += 30_000;
    expect(await levels()).toEqual(["debug", "warn"]);
  });

  test("a key set that never answers is given up in time", async () => {
    upstream.use(http.get(JWKS_URL, () => delay("infinite")));
    await expect(verifier.verify(await goodToken())).rejects.toBeInstanceOf(UnavailableError);
  });

  test("keys older than a minute are fetched in the background; tokens of a withdrawn key are forgotten", async () => {
    const token = await goodToken();
    expect(await verifier.verify(token)).toBeDefined();
    const next = await createSigner("key-2");
    shown = [next.publicJwk];
    nowMs += 60_001;
    expect(await verifier.verify(token)).toBeDefined();
    await eventually(async () => expect(await verifier.verify(token)).toBeUndefined());
    expect(fetches).toBe(2);
  });

  test("a token whose key is withdrawn while its signature is checked is not remembered", async () => {
    expect(await verifier.verify(await goodToken())).toBeDefined();
    const token = await goodToken({ jti: "another" });
    shown = [(await createSigner("key-2")).publicJwk];
    nowMs += 60_001;
    const checks = spyOn(crypto.subtle, "verify");
    const { resolve: goOn, promise: mayGoOn } = Promise.withResolvers<void>();
    checks.mockImplementationOnce(async () => {
      await mayGoOn;
      return true;
    });
    try {
      const underWay = verifier.verify(token);
      await eventually(async () => expect(await verifier.verify(await goodToken({ jti: "a third" }))).toBeUndefined());
      goOn();
      expect(await underWay).toBeUndefined();
    } finally {
      checks.mockRestore();
    }
    expect(await verifier.verify(token)).toBeUndefined();
  });

  test("keys of another kind are left out, private parts are not needed", async () => {
    shown = [{ kty: "RSA", kid: KID, n: "AQAB", e: "AQAB" }, { kty: "EC", crv: "P-256" }, signer.publicJwk];
    expect(await verifier.verify(await goodToken())).toBeDefined();
  });
});

test("a token that is changed in any character, cut off, or signed by another key is worthless", async () => {
  const [good, thief] = [await goodToken(), await createSigner()];
  const forged = await thief.sign(goodHeader, goodClaims(nowMs));
  const character = fc.constantFrom(..."abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.=+/ ");
  const changed = (token: string) =>
    fc
      .tuple(fc.nat(token.length - 1), character, fc.boolean())
      .map(([at, put, isCut]) => token.slice(0, at) + (isCut ? "" : put + token.slice(at + 1)));
  const tokens = fc.oneof(changed(good), changed(forged), fc.constant(forged), fc.string({ unit: "binary" }));
  await fc.assert(
    fc.asyncProperty(tokens, async (token) => {
      fc.pre(token !== good);
      expect(await verifier.verify(token)).toBeUndefined();
    }),
    { numRuns: 500 },
  );
  expect(await verifier.verify(good)).toMatchObject({ id: USER_ID });
});
