import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdir, mkdtemp, readdir, realpath, rm } from "node:fs/promises";
import { builtinModules } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { login } from "@shop/contracts/http/user";
import { createOrder, watchOrder } from "@shop/contracts/http/order";
import { REPOSITORY } from "../guards/repository.ts";
import { buildClientPackage } from "../guards/client/package.ts";

// A project elsewhere that installed what `npm pack` made. Its server answers by the schemas of the contract.

const ORDER = createOrder.success.schema.parse({
  id: "01939e6a-7c00-7000-8000-0000000a0001",
  customerId: "01939e6a-7c00-7000-8000-000000000001",
  ...{ status: "PENDING", progress: "CREATED", waiting: null, cancelReason: null },
  items: [{ productId: "01939e6a-7c00-7000-8000-000000000010", name: "Yakgwa", unitPrice: 12_000, quantity: 2 }],
  ...{ total: 24_000, currency: "KRW", deliveryAddress: "1 Sejong-daero" },
  ...{ createdAt: "2026-01-01T00:00:00.000Z", updatedAt: "2026-01-01T00:00:00.000Z" },
});

const SAGA = { status: "RUNNING", step: null } as const;

const PROGRAM = `
import { connectShop, isProblem } from "@shop/client";
import { ProblemError } from "@shop/client/problem-error";
import { connectShop as connectShopByFile } from "@shop/client/shop";
import { connectBrowser } from "@shop/client/browser-shop";

const shop = connectShop({ baseUrl: process.argv[2] });
await shop.logIn("customer", "customer-password");
const items = [{ productId: "01939e6a-7c00-7000-8000-000000000010", quantity: 2 }];
const order = await shop.createOrder({ items, deliveryAddress: "1 Sejong-daero" });
const events = [];
for await (const event of shop.watchOrder(order.id)) events.push(event);
const refusal = await shop.getOrder("unknown").catch((error) => error);
console.log(JSON.stringify({
  order,
  events,
  refused: refusal instanceof ProblemError && isProblem(refusal, "NOT_FOUND"),
  isOne: connectShop === connectShopByFile && typeof connectBrowser === "function",
}));
`;

const CONSUMER = `
import { connectBrowser, connectShop, type ConnectOptions, type Shop } from "@shop/client";
import type { Tokens, TokenStore } from "@shop/client/bearer-session";
import type { CallName, Calls } from "@shop/client/calls";
import { isProblem, NoAnswerError, ProblemError, type KnownProblem } from "@shop/client/problem-error";

type IsAny<Value> = 0 extends 1 & Value ? true : false;
/** The path to each \`any\` in what a call takes and gives. */
type AnyIn<Value, Path extends string> =
  IsAny<Value> extends true ? Path
  : Value extends AbortSignal | string | number | boolean | null | undefined ? never
  : Value extends (...given: infer Given) => infer Result ? AnyIn<Given, \`\${Path}()\`> | AnyIn<Result, Path>
  : Value extends Promise<infer Answer> ? AnyIn<Answer, Path>
  : Value extends AsyncIterable<infer Event> ? AnyIn<Event, Path>
  : Value extends readonly (infer Element)[] ? AnyIn<Element, \`\${Path}[]\`>
  : Value extends object ? { [Key in keyof Value & string]: AnyIn<Value[Key], \`\${Path}.\${Key}\`> }[keyof Value & string]
  : never;
type Nothing<Found extends never> = Found;
export type NoCallLeaksAny = Nothing<{ [Name in CallName]: AnyIn<Calls[Name], Name> }[CallName]>;
export type NothingElseDoes = Nothing<AnyIn<Shop["logIn"] | TokenStore | Tokens | KnownProblem, "client">>;
// @ts-expect-error the check sees an any
export type AnAnyIsSeen = Nothing<AnyIn<{ list: readonly { name: any }[] }, "seen">>;

export async function buy(options: ConnectOptions): Promise<number> {
  const shop: Shop = connectShop(options);
  const order = await shop.createOrder({ items: [{ productId: "p", quantity: 1 }], deliveryAddress: "a" });
  const status: "PENDING" | "COMPLETE" | "CANCELLED" = order.status;
  // @ts-expect-error an order has no such member
  void order.statuses;
  // @ts-expect-error a quantity is a number
  void shop.createOrder({ items: [{ productId: "p", quantity: "1" }], deliveryAddress: "a" });
  // @ts-expect-error there is no such code
  isProblem(undefined, "NO_SUCH_CODE");
  for await (const { id, type } of shop.watchOrder(order.id)) console.log(id, type, status);
  return order.total;
}
export function reasonOf(error: unknown): string {
  if (error instanceof NoAnswerError) return error.message;
  return error instanceof ProblemError ? error.problem.code : "unknown";
}
export const pages: Shop = connectBrowser({});
`;

let folder: string;
let server: ReturnType<typeof Bun.serve>;

async function run(...command: readonly string[]): Promise<{ readonly exitCode: number; readonly output: string }> {
  // As in a folder of somebody else: without what \`bun run\` and npm tell their scripts.
  const inherited = Object.entries(process.env).filter(([name]) => !/^(?:npm_(?!config_)|NODE_|BUN_)/.test(name));
  const child = Bun.spawn([...command], {
    ...{ cwd: folder, env: Object.fromEntries(inherited), stdout: "pipe", stderr: "pipe" },
  });
  const [output, errors, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { exitCode, output: output + errors };
}

async function answer(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  const call = `${request.method} ${pathname}`;
  if (call === "POST /login") {
    login.body.parse(await request.json());
    const pair = { accessToken: "access", tokenType: "Bearer", expiresIn: 900, refreshToken: "refresh" };
    return Response.json(login.success.schema.parse(pair));
  }
  if (request.headers.get("authorization") !== "Bearer access") return new Response(null, { status: 500 });
  if (call === "POST /api/orders") {
    createOrder.body.parse(await request.json());
    return Response.json(ORDER, { status: 201 });
  }
  if (call === `GET /api/orders/${ORDER.id}/events`) {
    if (request.headers.has("last-event-id")) return new Response(null, { status: 204 });
    const event = watchOrder.success.schema.parse({ type: "STATE", order: ORDER, saga: SAGA });
    const headers = { "content-type": "text/event-stream" };
    return new Response(`: hello\n\nid: 1\ndata: ${JSON.stringify(event)}\n\n`, { headers });
  }
  const problem = { type: "about:blank", title: "Not found", status: 404, code: "NOT_FOUND", detail: "", instance: "" };
  return Response.json(problem, { status: 404, headers: { "content-type": "application/problem+json" } });
}

beforeAll(async () => {
  if (Bun.which("npm") === null || Bun.which("node") === null) {
    throw new Error("put Node.js 20.3 or newer and npm on the PATH: the client is installed as another project would");
  }
  server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: answer });
  folder = await realpath(await mkdtemp(join(tmpdir(), "consumer-")));
  const built = join(folder, "built");
  const zod = dirname(Bun.resolveSync("zod/package.json", import.meta.dir));
  await buildClientPackage(built);
  expect(await run("npm", "pack", "--silent", built)).toEqual({ exitCode: 0, output: "shop-client-1.0.0.tgz\n" });
  await rm(built, { recursive: true });
  await Bun.write(join(folder, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }));
  // What it depends on comes from the disk, so that no registry is asked.
  const flags = ["--offline", "--install-links", "--no-audit", "--no-fund", "--ignore-scripts"];
  expect(await run("npm", "install", ...flags, "./shop-client-1.0.0.tgz", zod)).toMatchObject({ exitCode: 0 });
});
afterAll(async () => {
  await server?.stop(true);
  if (folder !== undefined) await rm(folder, { recursive: true });
});

const installed = () => join(folder, "node_modules/@shop/client");

test("the packed client holds its version, licence and manual, and names no package of this workspace", async () => {
  const manifest = (await Bun.file(join(installed(), "package.json")).json()) as Record<string, unknown>;
  const { version } = (await Bun.file(join(REPOSITORY, "package.json")).json()) as { version: string };
  expect(manifest).toMatchObject({ name: "@shop/client", version, license: "MIT", type: "module" });
  expect((await readdir(installed())).toSorted()).toEqual(["LICENSE", "README.md", "dist", "package.json", "types"]);
  const named: string[] = [];
  for await (const path of new Bun.Glob("{dist,types}/**/*").scan(installed())) {
    const text = await Bun.file(join(installed(), path)).text();
    if (/(?:from|import\() ?"@shop\//.test(text) || text.includes(REPOSITORY)) named.push(path);
  }
  expect(named).toEqual([]);
});

test("a program of Node.js that installed the client orders, follows the order and knows why it is refused", async () => {
  await Bun.write(join(folder, "program.js"), PROGRAM);
  const { exitCode, output } = await run("node", "program.js", server.url.origin);
  expect(exitCode === 0 ? (JSON.parse(output) as unknown) : output).toEqual({
    order: ORDER,
    events: [{ type: "STATE", order: ORDER, saga: SAGA, id: 1 }],
    refused: true,
    isOne: true,
  });
});

test("the types of the packed client pass a strict check with their libraries, without an any in any call", async () => {
  await mkdir(join(folder, "types-check"));
  await Bun.write(join(folder, "types-check/consumer.ts"), CONSUMER);
  const compilerOptions = {
    ...{ target: "ES2023", module: "nodenext", lib: ["ESNext", "DOM", "DOM.Iterable"], types: [] },
    ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
    ...{ noPropertyAccessFromIndexSignature: true, skipLibCheck: false, noEmit: true },
  };
  const settings = { compilerOptions, include: ["*.ts"] };
  await Bun.write(join(folder, "types-check/tsconfig.json"), JSON.stringify(settings));
  const compiler = join(REPOSITORY, "node_modules/typescript/bin/tsc");
  expect(await run(process.execPath, compiler, "-p", "types-check")).toEqual({ exitCode: 0, output: "" });
});

test("the packed client is bundled for browsers without anything of Node.js or another package", async () => {
  const entry = join(folder, "page.js");
  await Bun.write(entry, `import { connectBrowser } from "@shop/client/browser-shop";\nconnectBrowser({}).getMe();\n`);
  // Bun would put substitutes in the place of modules of Node.js.
  const external = ["node:*", ...builtinModules];
  const bundled = await Bun.build({ entrypoints: [entry], target: "browser", packages: "bundle", external });
  const text = await bundled.outputs[0]?.text();
  expect(text).toContain("/api/users/me");
  const imported = [...(text ?? "").matchAll(/\b(?:from|import|require)\b\s*\(?\s*["']([^"']+)["']/g)];
  expect(imported.map(([, name = ""]) => name)).toEqual([]);
  expect(text).not.toMatch(/\bprocess\.|\bBuffer\b/);
});
