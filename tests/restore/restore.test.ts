import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readBooks } from "@shop/local/books";
import { freePort } from "@shop/local/free-port";
import { eventually } from "@shop/testing/eventually";
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
  shop = await openComposedShop(project, { withinMs: 90_000 });
}, 1_200_000);
afterAll(async () => {
  await compose("down", "--volumes", "--timeout", "15");
  await rm(backups, { recursive: true });
}, 240_000);

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
  await project.script(RESTORE, backups, "order");
  await compose("up", "--detach", "--wait", "--no-recreate");

  await complete(kept);
  await expect(customer.getOrder(lost)).rejects.toThrow("There is no such order");
  // What has been announced since the backup is heard again.
  await eventually(async () => expect((await placeOrder(customer, productId, 1)).total).toBe(price));
  const [saga] = (await admin.listSagas({ orderId: lost })).items;
  await admin.cancelSaga(saga?.id ?? "");
  await untilTheBooksBalance();
}, 600_000);

test("all databases are set back to one moment: what has happened since is as if it never had, and the shop goes on", async () => {
  const { customer, waitingOrder, complete } = shop;
  const kept = await waitingOrder();
  await project.script(BACKUP, backups);
  const forgotten = await waitingOrder();
  await complete(kept);

  await project.script(RESTORE, backups, "all");
  await compose("up", "--detach", "--wait", "--no-recreate");

  await eventually(() => orderBecomes(customer, kept, "status", "PENDING"));
  await expect(customer.getOrder(forgotten)).rejects.toThrow("There is no such order");
  await complete(kept);
  await complete(await waitingOrder());
  await untilTheBooksBalance();
}, 600_000);

test("a backup that is missing is named before anything is stopped or deleted", async () => {
  await expect(project.script(RESTORE, `${backups}/elsewhere`, "order")).rejects.toThrow("order.dump is missing");
  expect((await shop.customer.getProduct(shop.productId)).id).toBe(shop.productId);
});
