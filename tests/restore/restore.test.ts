import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { TokenPair } from "@shop/contracts/http/user";
import { readBooks } from "@shop/books/books";
import { freePort } from "@shop/local/free-port";
import { serviceNames, type ServiceName } from "@shop/contracts/services";
import { eventually } from "@shop/testing/eventually";
import postgres from "postgres";
import { depthsOf } from "../support/composed-depths.ts";
import { composeProject, docker } from "../support/compose-project.ts";
import { type ComposedShop, openComposedShop } from "../support/composed-shop.ts";
import { orderBecomes, placeOrder } from "../support/test-system.ts";

const BACKUP = "deploy/docker/backup.sh";
const RESTORE = "deploy/docker/restore.sh";

const project = composeProject({ name: "order-delivery-restore", port: await freePort() });
const { compose } = project;
let shop: ComposedShop;
let backups: string;
let lost: string;

beforeAll(async () => {
  backups = await mkdtemp(join(tmpdir(), "backups-"));
  shop = await openComposedShop(project, { withinMs: 180_000 });
}, 1_200_000);
afterAll(async () => {
  await compose("down", "--volumes", "--timeout", "15");
  await rm(backups, { recursive: true });
}, 240_000);

const urlOf = async (service: ServiceName): Promise<string> => {
  const { databaseUrls } = await depthsOf(project);
  return databaseUrls.get(service) ?? "";
};

/** Runs statements in a session of their own. */
async function inSession<Answer>(url: string, work: (sql: postgres.Sql) => Promise<Answer>): Promise<Answer> {
  const sql = postgres(url, { max: 1 });
  try {
    return await work(sql);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** The databases that backing up and restoring have left on a service's server beside its own. */
async function databasesBeside(service: ServiceName): Promise<readonly string[]> {
  const all = await inSession(
    await urlOf(service),
    (sql) => sql<{ datname: string }[]>`select datname from pg_database`,
  );
  return all.map(({ datname }) => datname).filter((name) => name.startsWith(`${service}_`));
}

/** While `work` goes on someone looks into a database, who connects again at once when the session is ended. */
async function lookedInto<Answer>(service: ServiceName, work: () => Promise<Answer>): Promise<Answer> {
  const url = await urlOf(service);
  const over = new AbortController();
  let sessionsEnded = 0;
  const look = async () => {
    while (!over.signal.aborted) {
      const session = inSession(url, (sql) => {
        over.signal.addEventListener("abort", () => void sql.end({ timeout: 0 }));
        return sql`select pg_sleep(3600)`;
      });
      await session.catch(() => (sessionsEnded += over.signal.aborted ? 0 : 1));
    }
  };
  const looking = look();
  try {
    return await work();
  } finally {
    over.abort();
    await looking;
    expect(sessionsEnded).toBeGreaterThan(0);
  }
}

/** Makes a call of the accounts, again when the machine is too busy for it. */
const post = (path: string, body: object): Promise<Response> =>
  eventually(async () => {
    const headers = { "content-type": "application/json" };
    const response = await fetch(project.url + path, { method: "POST", headers, body: JSON.stringify(body) });
    expect(response.status).not.toBe(503);
    return response;
  });

async function logIn(): Promise<TokenPair> {
  const response = await post("/login", { username: "customer", password: "customer-password" });
  expect(response.status).toBe(200);
  return (await response.json()) as TokenPair;
}

const refresh = ({ refreshToken }: TokenPair) => post("/login/refresh", { refreshToken });

async function kids(): Promise<readonly string[]> {
  const { keys } = (await (await fetch(`${project.url}/.well-known/jwks.json`)).json()) as { keys: { kid: string }[] };
  return keys.map(({ kid }) => kid);
}

/** But for the order that its own service has forgotten, as everybody is told. */
async function untilTheBooksBalance(): Promise<void> {
  const { databaseUrls } = await depthsOf(project);
  const findings = async () => (await readBooks(databaseUrls)).findings;
  const known = [`order ${lost} is known to another service, but not to its own`];
  await eventually(async () => expect(await findings()).toEqual(known));
}

test("a database whose disk was lost is restored: what was in the backup goes on, and what is newer is settled by hand", async () => {
  const { customer, admin, productId, waitingOrder, complete } = shop;
  const kept = await waitingOrder();
  await project.script(BACKUP, backups);
  lost = await waitingOrder();
  const price = (await customer.getProduct(productId)).price + 1;
  await admin.changeProduct(productId, { price });

  await compose("rm", "--stop", "--force", "order", "order-db");
  await docker(["volume", "rm", project.volumeOf("order-db")]);
  await compose("up", "--detach", "--wait");
  // The script starts what it needs.
  await compose("stop", "kafka");
  await project.script(RESTORE, backups, "order");
  await compose("up", "--detach", "--wait", "--no-recreate");

  // What was live is kept until it is confirmed.
  await project.script(RESTORE, "--confirm", "order");
  await complete(kept);
  await expect(customer.getOrder(lost)).rejects.toThrow("There is no such order");
  // What has been announced since the backup is heard again.
  await eventually(async () => expect((await placeOrder(customer, productId, 1)).total).toBe(price));
  const [saga] = (await admin.listSagas({ orderId: lost })).items;
  await admin.cancelSaga(saga?.id ?? "");
  await untilTheBooksBalance();
}, 600_000);

test("who restores the accounts brings back neither a key that was withdrawn nor a session that had ended, and hears so", async () => {
  const session = await logIn();
  const before = await kids();
  await project.script(BACKUP, backups, "user");
  await compose("exec", "-T", "user", "bun", "services/user/src/rotate-keys.ts", "--leaked");

  const said = await lookedInto("user", () => project.script(RESTORE, backups, "user"));
  expect(said).toContain("user: all keys of access tokens are new and every session has ended");
  await compose("up", "--detach", "--wait", "--no-recreate");
  const after = await eventually(async () => {
    const shown = await kids();
    expect(shown).not.toBeEmpty();
    return shown;
  });
  expect(after.filter((kid) => before.includes(kid))).toEqual([]);
  expect((await refresh(session)).status).toBe(401);
  expect((await refresh(await logIn())).status).toBe(200);
  await project.script(RESTORE, "--confirm", "user");
  shop = await openComposedShop(project, { withinMs: 180_000 });
}, 400_000);

test("a backup that is damaged, another service's or of another key is refused before anything is stopped or changed", async () => {
  const price = (await shop.customer.getProduct(shop.productId)).price + 1;
  await shop.admin.changeProduct(shop.productId, { price });
  const bad = await mkdtemp(join(backups, "bad-"));
  const plain = await Bun.file(join(backups, "product.dump")).bytes();
  const [half, most] = [0.5, 0.98].map((share) => plain.subarray(0, Math.floor(plain.byteLength * share)));
  const cases: readonly (readonly [string, Uint8Array, string])[] = [
    ["product.dump", half ?? plain, "cannot be read: it is damaged"],
    ["product.dump", most ?? plain, "cannot be restored; its end may be missing"],
    ["product.dump", Buffer.from("nothing that pg_dump wrote"), "cannot be read"],
    ["product.dump", await Bun.file(join(backups, "order.dump")).bytes(), "is not a dump of the database of product"],
    ["product.dump.enc", plain, "is encrypted: set BACKUP_KEY_FILE"],
  ];
  for (const [name, content, reason] of cases) {
    await Bun.write(join(bad, name), content);
    await expect(project.script(RESTORE, bad, "product")).rejects.toThrow(reason);
    await rm(join(bad, name));
    expect((await shop.customer.getProduct(shop.productId)).price).toBe(price);
  }
  expect(await databasesBeside("product")).toEqual([]);
}, 240_000);

test("signing keys that cannot be replaced end a restore of the accounts before anything is stopped or changed", async () => {
  const refusing = await mkdtemp(join(backups, "refusing-"));
  const url = await urlOf("user");
  await inSession(url, async (sql) => {
    await sql`create function refuse() returns trigger language plpgsql as $$ begin raise 'no keys today'; end $$`;
    await sql`create trigger refuse before insert on signing_keys execute function refuse()`;
    await project.script(BACKUP, refusing, "user");
    await sql`drop trigger refuse on signing_keys`;
    await sql`drop function refuse()`;
  });
  const session = await logIn();
  const before = await kids();

  await expect(project.script(RESTORE, refusing, "user")).rejects.toThrow("Nothing was stopped or changed.");
  expect(await kids()).toEqual(before);
  expect((await refresh(session)).status).toBe(200);
  expect(await databasesBeside("user")).toEqual([]);
}, 240_000);

test("a restore whose second database cannot be renamed exchanges the first one back: what was live goes on, and the script says so", async () => {
  await project.script(BACKUP, backups, "order", "delivery");
  const newer = await shop.waitingOrder();
  const server = new URL("/postgres", await urlOf("delivery"));
  await inSession(server.href, async (sql) => {
    await sql.begin(async (tx) => {
      await tx`comment on database delivery is 'looked at'`;
      await expect(project.script(RESTORE, backups, "order", "delivery")).rejects.toThrow(
        /delivery: the databases of delivery-db could not be renamed[^]*The databases are again what they were, and the services run/u,
      );
    });
  });
  for (const service of ["order", "delivery"] as const) expect(await databasesBeside(service)).toEqual([]);
  await compose("up", "--detach", "--wait", "--no-recreate");
  await shop.complete(newer);
}, 600_000);

test("all databases are set back to one moment from encrypted backups: what has happened since is as if it never had, and the shop goes on", async () => {
  const { waitingOrder, complete } = shop;
  const kept = await waitingOrder();
  process.env["BACKUP_KEY_FILE"] = join(backups, "key");
  await Bun.write(join(backups, "key"), "a key from outside\n");
  await project.script(BACKUP, backups);
  // The clear ones of before are gone, and nobody else reads these.
  const dumps = (await readdir(backups)).filter((name) => name.includes(".dump"));
  expect(dumps.toSorted()).toEqual(serviceNames.map((name) => `${name}.dump.enc`).toSorted());
  for (const name of dumps) expect((await stat(join(backups, name))).mode & 0o777).toBe(0o600);
  expect(await Bun.file(join(backups, "order.dump.enc")).slice(0, 8).text()).toBe("Salted__");
  const forgotten = await waitingOrder();
  await complete(kept);

  await Bun.write(join(backups, "key"), "another key\n");
  await expect(project.script(RESTORE, backups, "all")).rejects.toThrow("its key is another one");
  await Bun.write(join(backups, "key"), "a key from outside\n");
  await project.script(RESTORE, backups, "all");
  await compose("up", "--detach", "--wait", "--no-recreate");
  await expect(project.script(RESTORE, backups, "all")).rejects.toThrow("is still kept");
  await project.script(RESTORE, "--confirm", "all");

  // Everybody logs in again.
  shop = await openComposedShop(project, { withinMs: 180_000 });
  await eventually(() => orderBecomes(shop.customer, kept, "status", "PENDING"));
  await expect(shop.customer.getOrder(forgotten)).rejects.toThrow("There is no such order");
  await shop.complete(kept);
  await shop.complete(await shop.waitingOrder());
  await untilTheBooksBalance();
}, 600_000);

test("a backup that is missing is named before anything is stopped or deleted", async () => {
  await expect(project.script(RESTORE, `${backups}/elsewhere`, "order")).rejects.toThrow("order.dump is missing");
  expect((await shop.customer.getProduct(shop.productId)).id).toBe(shop.productId);
});
