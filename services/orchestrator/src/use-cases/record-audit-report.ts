import type { Transaction } from "@shop/database/connect";
import type { ServiceContext } from "@shop/service/context";
import { addReport, endRound, forgetFindings, recordFindings, unchanged } from "../db/audits.ts";
import { type AuditReports, disagreements } from "../domain/books.ts";

export const auditedTotal = {
  name: "books_audited_orders_total",
  help: "Orders whose books were compared over all services",
};

/**
 * Takes what one service reported of a round of the audit. With the last of them the books are compared: an order on which the services do not
 * agree is asked about again in the next round, and reported when nothing has changed by then.
 */
export async function recordAuditReport(
  tx: Transaction,
  { clock, logger, metrics }: Pick<ServiceContext, "clock" | "logger" | "metrics">,
  auditId: string,
  report: Partial<AuditReports>,
): Promise<void> {
  const round = await addReport(tx, auditId, report);
  if (round === undefined) return;
  const { orders, reservations, deliveries } = round.reported;
  if (orders === undefined || reservations === undefined || deliveries === undefined) return;

  const asked = await unchanged(tx, round.asked);
  const found = disagreements(asked, { orders, reservations, deliveries });
  const findings = asked.flatMap(({ orderId, revision }) => {
    const detail = found.get(orderId);
    return detail === undefined ? [] : [{ orderId, revision, detail }];
  });
  const confirmed = await recordFindings(tx, findings, new Date(clock.now()));
  const settled = await forgetFindings(
    tx,
    asked.filter(({ orderId }) => !found.has(orderId)).map(({ orderId }) => orderId),
  );
  await endRound(tx, new Date(clock.now()));

  metrics.counter(auditedTotal).inc({}, asked.length);
  for (const { orderId, detail } of confirmed)
    logger.error("AUDIT_ORDER_MISMATCH", "the books do not balance: the services disagree on an order", {
      orderId,
      detail,
    });
  for (const orderId of settled)
    logger.info("AUDIT_ORDER_RESOLVED", "the services agree on an order again", { orderId });
}
