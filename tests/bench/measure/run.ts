import type { Driver } from "../driver/driver.ts";
import type { Side } from "../stage/side.ts";
import { median } from "./latency.ts";
import { type Phase, runPhase } from "./phase.ts";
import { oneAtATime, takeTurn, type Turn, type TurnOptions } from "./turn.ts";

export interface RunOptions extends TurnOptions {
  readonly rounds: number;
  readonly warmUp: number;
  /** How long orders arrive at a constant rate; 0 leaves that out. */
  readonly constantSeconds: number;
  /** Waited for between the warm-up and the first turn. */
  readonly warmedUp?: () => Promise<void>;
}

export interface SideResult {
  readonly name: string;
  readonly readyMs: number;
  /** From the call of the very first order to its delivery. */
  readonly firstOrderMs: number;
  readonly turns: readonly Turn[];
  /** At half of the median of the turns' orders per second. */
  readonly constant: { readonly perSecond: number; readonly phase: Phase } | undefined;
}

/**
 * Measures in turns: reference, the others, reference, …, reference. So every turn of another side has one of the reference right before and after it,
 * and slow changes of the machine fall on all. With several others their order alternates.
 */
export async function measure(
  driver: Driver,
  reference: Side,
  others: readonly Side[],
  options: RunOptions,
  say: (line: string) => void,
): Promise<readonly SideResult[]> {
  const sides = [reference, ...others];
  const firstOrderMs = new Map<Side, number>();
  const turns: Turn[] = [];
  for (const side of sides) {
    const [first] = (await oneAtATime(driver, side, 1)).toDelivery;
    firstOrderMs.set(side, first ?? Number.NaN);
    await takeTurn(driver, side, -1, { ...options, orders: options.warmUp, unloaded: 0 });
  }
  await options.warmedUp?.();
  const take = async (side: Side, round: number) => {
    const turn = await takeTurn(driver, side, round, options);
    turns.push(turn);
    say(lineOf(turn));
  };
  for (let round = 0; round < options.rounds; round += 1) {
    await take(reference, round);
    for (const side of round % 2 === 0 ? others : others.toReversed()) await take(side, round);
  }
  await take(reference, options.rounds);

  const results: SideResult[] = [];
  for (const side of sides) {
    const own = turns.filter((turn) => turn.side === side.name);
    const perSecond = median(own.map(({ order }) => order.perSecond)) / 2;
    const requests = await side.placeOrders(Math.round(perSecond * options.constantSeconds));
    const constant =
      requests.length === 0
        ? undefined
        : await runPhase({ driver, side, requests, load: { kind: "constant", perSecond }, place: side.deliveries });
    results.push({
      ...{ name: side.name, readyMs: side.readyMs, firstOrderMs: firstOrderMs.get(side) ?? Number.NaN, turns: own },
      constant: constant && { perSecond, phase: constant.phase },
    });
  }
  return results;
}

function lineOf({ side, round, order, complete }: Turn): string {
  const parts = [
    `${order.perSecond.toFixed(0)} orders per s to their deliveries`,
    `${order.totalCpuMs.toFixed(2)} ms of CPU each`,
    ...(complete === undefined ? [] : [`${complete.perSecond.toFixed(0)} completions per s`]),
  ];
  return `  ${`${side}, ${round + 1}`.padEnd(14)} ${parts.join(", ")}`;
}
