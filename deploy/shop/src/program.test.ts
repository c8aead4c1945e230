import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Health, ProcessHealth } from "@shop/contracts/http/health";
import { commands } from "./commands.ts";
import { runShop } from "./program.ts";

// The shop's answers are simulated; tests/e2e/shop-command.test.ts runs the commands on a whole system.

let health: Health;
let gateway: Bun.Server<undefined>;
beforeAll(() => {
  gateway = Bun.serve({
    port: 0,
    routes: {
      "/login": Response.json({ accessToken: "a.b.c", tokenType: "Bearer", expiresIn: 900, refreshToken: "r" }),
      "/logout": new Response(null, { status: 204 }),
      "/api/health": () => Response.json(health),
    },
  });
});
afterAll(() => gateway.stop(true));

const well = (service: ProcessHealth["service"], deadLetters = 0): ProcessHealth => ({
  ...{ service, status: "UP", release: "1.0.0", instance: "host/1", startedAt: "2026-12-01T00:00:00.000Z" },
  ...{ checks: [], messaging: { unsent: 0, oldestUnsentSeconds: 0, deadLetters, lag: 0 } },
  findings: service === "orchestrator" ? [{ finding: "STUCK_SAGAS", count: 0 }] : [],
});
const down = (service: ProcessHealth["service"]): ProcessHealth => ({ service, status: "DOWN", detail: "refused" });
function shopWith(...services: readonly ProcessHealth[]): void {
  health = { status: "UP", at: "2026-12-01T00:00:00.000Z", services: [...services] };
}
beforeEach(() => shopWith(well("order"), well("orchestrator")));

async function run(command: string) {
  const out: string[] = [];
  const errors: string[] = [];
  const code = await runShop(command.split(" "), {
    environment: { SHOP_URL: gateway.url.origin, SHOP_PASSWORD: "admin-password" },
    readLine: () => Promise.resolve(undefined),
    out: (line) => void out.push(line),
    error: (line) => void errors.push(line),
  });
  return { code, out: out.join("\n"), errors: errors.join("\n") };
}

describe("the exit code", () => {
  test("is 0 while all is well", async () => {
    for (const command of ["health", "lag", "books"]) expect(await run(command)).toMatchObject({ code: 0, errors: "" });
  });

  test("of health is 1 with an open dead letter, which it names", async () => {
    shopWith(well("order", 9), well("orchestrator"));
    expect(await run("health")).toMatchObject({ code: 1, out: expect.stringContaining("9 open dead letters") });
    expect((await run("lag")).code).toBe(1);
  });

  test("of health is 1 when a process is down, or an audit has found something", async () => {
    shopWith(well("order"), down("orchestrator"));
    expect(await run("health")).toMatchObject({ code: 1, out: expect.stringContaining("DOWN") });
    shopWith({ ...well("orchestrator"), findings: [{ finding: "STUCK_SAGAS", count: 1 }] } as ProcessHealth);
    expect((await run("health")).code).toBe(1);
    expect((await run("books")).code).toBe(1);
    shopWith({ ...well("order"), findings: [{ finding: "DEFERRED_MESSAGES", count: 1 }] } as ProcessHealth);
    expect((await run("health")).code).toBe(0);
  });

  test.each(["lag", "books"])("of %s is 3 when a part is missing, and the part is named", async (command) => {
    shopWith(well("orchestrator"), down("order"));
    const away = await run(command);
    expect(away).toMatchObject({ code: 3, errors: "No answer from order (refused): its part is missing." });
    expect(away.out).toContain("orchestrator");
  });

  test("of lag is 3 when a service does not reach its database", async () => {
    shopWith(
      { ...well("order"), messaging: null } as ProcessHealth,
      { ...well("user"), messaging: null } as ProcessHealth,
    );
    expect(await run("lag")).toMatchObject({ code: 3, errors: expect.stringContaining("order (its database") });
  });
});

describe("a command line", () => {
  test("with an option, a word or a command that there is not is refused, before anything is asked of the shop", async () => {
    for (const [line, sentence] of [
      ["health --limit 3", "Unknown option '--limit'."],
      ["orders --nonsense", "Unknown option '--nonsense'."],
      ["helth", "Unknown command 'helth' (Did you mean health?)"],
      ["saga", "Missing required argument 'saga'."],
      ["saga one two", "Too many arguments for 'saga'."],
      ["sagas --status", "argument missing"],
    ] as const) {
      const refused = await run(line);
      expect([refused.code, refused.out]).toEqual([2, ""]);
      expect(refused.errors).toContain(sentence);
      expect(refused.errors).toEndWith("See: bun run shop --help");
    }
  });

  test("that asks for help gets it: every command with its options, and an example of each", async () => {
    const { code, out } = await run("--help");
    expect(code).toBe(0);
    for (const { name, example, options = {} } of commands) {
      expect(out).toContain(`\n  ${name} `);
      expect(out).toContain(`bun run shop ${example}`);
      expect(example.split(" ")[0]).toBe(name);
      const own = await run(`${name} --help`);
      expect(own.code).toBe(0);
      for (const option of Object.keys(options)) expect(own.out).toContain(option);
    }
  });

  test("may have the options of every command before or behind its name", async () => {
    for (const line of ["health --json", "--json health"])
      expect((await run(line)).out).toStartWith('{"service":"order"');
  });
});

test("a reader that has enough ends the command without a word", async () => {
  shopWith(...Array.from({ length: 5_000 }, () => well("order")));
  const program = spawn(process.execPath, [fileURLToPath(new URL("./main.ts", import.meta.url)), "health", "--json"], {
    env: { ...process.env, SHOP_URL: gateway.url.origin, SHOP_PASSWORD: "admin-password" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let errors = "";
  program.stderr.on("data", (text) => {
    errors += String(text);
  });
  program.stdout.once("data", () => program.stdout.destroy());
  const [code, signal] = (await once(program, "close")) as [number | null, string | null];
  expect({ code, signal, errors }).toEqual({ code: 0, signal: null, errors: "" });
});
