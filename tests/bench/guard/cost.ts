import { REPOSITORY } from "../../guards/repository.ts";
import { readResults } from "../../results/results.ts";
import { startDriver } from "../driver/driver.ts";
import { takeTurn, type Turn } from "../measure/turn.ts";
import { startProduct } from "../stage/product-side.ts";
import { startReference } from "../stage/reference-side.ts";
import type { Side } from "../stage/side.ts";

/** Large enough that /proc, which counts CPU in steps of 10 ms, is exact to a few percent. */
const SIZE = { orders: 400, inFlight: 64, unloaded: 0 } as const;
const PRODUCT_TURNS = 2;
const PARTITIONS = 6;

/**
 * The product's CPU per order to its delivery, servers included, as a multiple of the reference's: from one short run in turns. CPU and not orders per
 * second, as work that runs beside it takes time from both but CPU from neither.
 */
export async function measureCost(onLine: (line: string) => void): Promise<number> {
  const driver = startDriver();
  const starts = await Promise.allSettled([
    startReference(PARTITIONS, onLine),
    startProduct({ name: "product", root: REPOSITORY, partitions: PARTITIONS, onLine }),
  ]);
  try {
    const [reference, product] = starts.map((start): Side => {
      if (start.status === "rejected") throw start.reason;
      return start.value;
    });
    if (reference === undefined || product === undefined) throw new Error("there are no two sides to compare");
    // The first orders of a process cost several times as much.
    for (const side of [reference, product]) await takeTurn(driver, side, -1, SIZE);
    const own: number[] = [];
    const yardstick = [cpuOf(await takeTurn(driver, reference, 0, SIZE))];
    for (let round = 0; round < PRODUCT_TURNS; round += 1) {
      own.push(cpuOf(await takeTurn(driver, product, round, SIZE)));
      yardstick.push(cpuOf(await takeTurn(driver, reference, round + 1, SIZE)));
    }
    await Promise.all([reference.verify(), product.verify()]);
    return mean(own) / mean(yardstick);
  } finally {
    await driver.stop();
    for (const start of starts) if (start.status === "fulfilled") await start.value.stop();
  }
}

const cpuOf = ({ order }: Turn) => order.totalCpuMs;
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Below this part of the recorded speed the guard fails: speed as the reference's CPU by the product's. */
const LEAST_PART = 2 / 3;

/**
 * The highest cost that the guard accepts, by the last recorded one.
 * @throws Error when none was recorded
 */
export async function highestCost(): Promise<number> {
  const last = (await readResults("bench")).findLast(({ group }) => group === "guard");
  const recorded = Number(last?.figures["median"]);
  if (!(recorded > 0)) throw new Error("no cost was recorded: run `bun tests/bench/guard.ts --record`");
  return recorded / LEAST_PART;
}
