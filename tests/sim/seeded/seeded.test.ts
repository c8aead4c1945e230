import { testPostgresUrl } from "@shop/testing/infrastructure";
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { simulate } from "../simulate.ts";
import { Stores } from "../world.ts";
import { BUGS } from "./bugs.ts";
import type { Hunted } from "./hunt.ts";
import { planFor } from "./plan-for.ts";

setDefaultTimeout(240_000);

/** Each bug shows under one of so many seeds at most. */
const SEEDS = 24;
const AT_ONCE = 2;

const hunts = new Map<string, Promise<Hunted>>();
let stores: Stores;

/** In a process of its own: a module that is loaded cannot be loaded again with another bug. */
async function hunt(name: string): Promise<Hunted> {
  const hunting = Bun.spawn([process.execPath, join(import.meta.dir, "hunt.ts"), name, String(SEEDS)], {
    env: { ...process.env, TEST_POSTGRES_URL: await testPostgresUrl() },
    stderr: "inherit",
  });
  const said = await new Response(hunting.stdout).text();
  return JSON.parse(said.trim().split("\n").at(-1) ?? "null") as Hunted;
}

beforeAll(async () => {
  stores = await Stores.open();
  const running: Promise<unknown>[] = Array.from({ length: AT_ONCE }, () => Promise.resolve());
  for (const [index, { name }] of BUGS.entries()) {
    const before = running[index % AT_ONCE];
    const hunted = Promise.resolve(before).then(() => hunt(name));
    hunts.set(name, hunted);
    running[index % AT_ONCE] = hunted.catch(() => undefined);
  }
}, 240_000);
afterAll(() => stores.close());

describe("a seeded bug is caught:", () => {
  test.each(BUGS.map((bug) => [bug.name, bug] as const))("%s", async (name, bug) => {
    const { rules } = bug;
    const hunted = await hunts.get(name);
    if (hunted === undefined || hunted.seed === null) throw new Error(`no rule was broken under ${SEEDS} seeds`);
    expect(hunted.rules.filter((rule) => rules.some((expected) => expected === rule))).not.toEqual([]);
    // It is the bug that was caught, not the seed: without it every rule holds.
    const { breaches } = await simulate(stores, planFor(bug, hunted.seed));
    expect(breaches).toEqual([]);
  });
});
