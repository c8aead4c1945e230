import type { Health, HealthFinding } from "@shop/contracts/http/health";

/** What in the shop waits for an operator, by its number. */
export interface Needs {
  readonly stuckSagas: number;
  /** Messages that could not be handled and that nobody has handled again, of those services that told. */
  readonly deadLetters: number;
  readonly driftingOrders: number;
  readonly driftingProducts: number;
  /** Processes that do not answer, or lack something. */
  readonly unwell: number;
}

export function needsOf({ services }: Pick<Health, "services">): Needs {
  const answering = services.filter((process) => process.status !== "DOWN");
  const found = (wanted: HealthFinding) =>
    answering
      .flatMap(({ findings }) => findings)
      .filter(({ finding }) => finding === wanted)
      .reduce((sum, { count }) => sum + count, 0);
  return {
    stuckSagas: found("STUCK_SAGAS"),
    deadLetters: answering.reduce((sum, { messaging }) => sum + (messaging?.deadLetters ?? 0), 0),
    driftingOrders: found("DRIFTING_ORDERS"),
    driftingProducts: found("DRIFTING_PRODUCTS"),
    unwell: services.filter(({ status }) => status !== "UP").length,
  };
}
