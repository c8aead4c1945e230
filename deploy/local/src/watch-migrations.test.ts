import { expect, test } from "bun:test";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "@shop/testing/eventually";
import { watchMigrations } from "./watch-migrations.ts";

test("a new migration is told once, when all of its files are written, and to its service alone", async () => {
  const root = await mkdtemp(join(tmpdir(), "migrations-"));
  const [order, product] = [join(root, "order"), join(root, "product")];
  for (const folder of [order, product]) await mkdir(join(folder, "meta"), { recursive: true });
  const told: string[] = [];
  const stop = watchMigrations(
    new Map([
      ["order", [order, join(root, "none")]],
      ["product", [product]],
    ]),
    (name) => told.push(name),
  );
  await Bun.write(join(order, "0001_more.sql"), "select 1;");
  await Bun.write(join(order, "meta", "_journal.json"), "{}");
  await eventually(() => expect(told).toEqual(["order"]));
  await Bun.write(join(product, "meta", "_journal.json"), "{}");
  await eventually(() => expect(told).toEqual(["order", "product"]));
  stop();
  await rm(root, { recursive: true });
});
