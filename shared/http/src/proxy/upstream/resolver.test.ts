import { beforeEach, describe, expect, test } from "bun:test";
import { ManualClock } from "@shop/testing/clock";
import { capturedLogger } from "@shop/testing/logger";
import { createResolver, type Resolver } from "./resolver.ts";

let answers: Record<string, readonly string[] | Error>;
let asked: string[];
let clock: ManualClock;
let log: ReturnType<typeof capturedLogger>;

beforeEach(() => {
  answers = {};
  asked = [];
  clock = new ManualClock();
  log = capturedLogger();
});

function resolverOf(...urls: readonly string[]): Resolver {
  return createResolver({
    name: "order",
    urls,
    clock,
    logger: log.logger,
    async lookup(hostname) {
      asked.push(hostname);
      const answer = answers[hostname] ?? [];
      if (answer instanceof Error) throw answer;
      return answer;
    },
  });
}

describe("the resolver of an upstream", () => {
  test("are all addresses of its name, each with the name as its host", async () => {
    answers = { order: ["10.0.0.7", "10.0.0.3", "fd00::1"] };
    const resolver = resolverOf("http://order:8002");
    await resolver.refresh();
    expect(resolver.current()).toEqual([
      { url: "http://10.0.0.3:8002", host: "order:8002" },
      { url: "http://10.0.0.7:8002", host: "order:8002" },
      { url: "http://[fd00::1]:8002", host: "order:8002" },
    ]);
  });

  test("follow the name as replicas come and go", async () => {
    answers = { order: ["10.0.0.3"] };
    const resolver = resolverOf("http://order");
    await resolver.refresh();
    answers = { order: ["10.0.0.4", "10.0.0.5"] };
    await resolver.refresh();
    expect(resolver.current().map(({ url }) => url)).toEqual(["http://10.0.0.4", "http://10.0.0.5"]);
  });

  test("stay as they were while the name cannot be resolved, of which the log tells once", async () => {
    answers = { order: ["10.0.0.3"] };
    const resolver = resolverOf("http://order:8002");
    await resolver.refresh();
    for (const answer of [new Error("no name server"), new Error("no name server"), []]) {
      answers = { order: answer };
      await resolver.refresh();
      expect(resolver.current().map(({ url }) => url)).toEqual(["http://10.0.0.3:8002"]);
    }
    expect(log.lines.filter(({ message }) => message.includes("cannot be resolved"))).toHaveLength(1);
  });

  test("may be several URLs, of which addresses and https are not looked up", async () => {
    answers = { order: ["10.0.0.3"] };
    const resolver = resolverOf(
      "http://order:8002",
      "http://127.0.0.1:8102",
      "http://[::1]:8102",
      "https://order.example",
    );
    await resolver.refresh();
    expect(asked).toEqual(["order"]);
    expect(resolver.current()).toEqual([
      { url: "http://10.0.0.3:8002", host: "order:8002" },
      { url: "http://127.0.0.1:8102", host: undefined },
      { url: "http://[::1]:8102", host: undefined },
      { url: "https://order.example", host: undefined },
    ]);
  });

  test("that never could be looked up are the URL itself, so that a call still says what is wrong", async () => {
    const resolver = resolverOf("http://order:8002");
    expect(resolver.ageMs()).toBe(Number.POSITIVE_INFINITY);
    await resolver.refresh();
    expect(resolver.current()).toEqual([{ url: "http://order:8002", host: undefined }]);
    await clock.advance(700);
    expect(resolver.ageMs()).toBe(700);
  });

  test("are looked up once for all who ask at the same time", async () => {
    answers = { order: ["10.0.0.3"] };
    const resolver = resolverOf("http://order:8002");
    await Promise.all([resolver.refresh(), resolver.refresh(), resolver.refresh()]);
    expect(asked).toEqual(["order"]);
  });
});
