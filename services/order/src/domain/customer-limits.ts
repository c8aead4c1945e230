/** What a customer may hold at once; undefined: as much as they like. */
export interface CustomerLimits {
  /** Orders that have not ended. */
  readonly openOrders?: number | undefined;
  /** Units of goods in them. */
  readonly units?: number | undefined;
}

interface Held {
  readonly orders: number;
  readonly units: number;
}

export const isLimited = ({ openOrders, units }: CustomerLimits): boolean => (openOrders ?? units) !== undefined;

/** Why a customer may not place an order with so many units; undefined when they may. */
export function objectionTo(units: number, held: Held, limits: CustomerLimits): string | undefined {
  if (limits.openOrders !== undefined && held.orders + 1 > limits.openOrders)
    return `You have ${held.orders} open orders, and may have ${limits.openOrders}. Wait until one has ended, or cancel one.`;
  if (limits.units !== undefined && held.units + units > limits.units)
    return `Your open orders hold ${held.units} units, and with this one ${held.units + units}: more than ${limits.units}.`;
  return undefined;
}
