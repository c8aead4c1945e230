import {
  COUNTED_AT_MOST,
  getHealth,
  type Health,
  type HealthFinding,
  type HealthStatus,
  type MessagingHealth,
  type ProcessHealth,
} from "@shop/contracts/http/health";
import type { ProcessName } from "@shop/contracts/services";
import { done } from "@shop/http/request/answer";
import type { HttpApp } from "@shop/http/server/app";
import type { Readiness } from "@shop/http/server/management";
import type { Messaging } from "@shop/messaging/messaging";
import { type Clock, instant } from "@shop/runtime/clock";
import type { Identity } from "@shop/runtime/identity";
import type { Metrics } from "@shop/runtime/metrics";
import { withTimeout } from "./with-timeout.ts";

/** What a service watches for, and the gauge that shows how much of it there is. */
export type HealthFindings = Readonly<Partial<Record<HealthFinding, string>>>;

interface HealthSources {
  readonly service: ProcessName;
  readonly identity: Identity;
  readonly clock: Clock;
  readonly ready: () => Promise<Readiness>;
  readonly messaging?: Pick<Messaging, "backlog" | "lag">;
  readonly findings?: HealthFindings;
  readonly metrics?: Pick<Metrics, "read">;
}

/** A service's own part of the health of all. It answers within the time of any call, also while its database or Kafka does not. */
export function healthRoute(app: HttpApp, sources: HealthSources): void {
  app.handle(getHealth, async () => done(healthOf([await ownHealth(sources)], sources.clock)));
}

/** How this process is. */
export async function ownHealth(sources: HealthSources): Promise<ProcessHealth> {
  const { service, identity, clock, ready, messaging, findings = {}, metrics } = sources;
  const [{ checks }, waiting] = await Promise.all([ready(), messaging && readMessaging(messaging, clock)]);
  const looked = Object.entries(checks).map(([name, detail]) => ({ name, ok: detail === "ok", detail }));
  return {
    ...{ service, ...identity, checks: looked, messaging: waiting ?? null },
    status: looked.every(({ ok }) => ok) ? "UP" : "IMPAIRED",
    findings: Object.entries(findings).flatMap(([finding, gauge]) => {
      const count = metrics?.read(gauge);
      return count === undefined ? [] : [{ finding: finding as HealthFinding, count }];
    }),
  };
}

async function readMessaging(
  messaging: Pick<Messaging, "backlog" | "lag">,
  clock: Clock,
): Promise<MessagingHealth | undefined> {
  const [backlog, lag] = await Promise.all([
    withTimeout(messaging.backlog(COUNTED_AT_MOST), clock, () => undefined),
    withTimeout(messaging.lag(), clock, () => null),
  ]);
  return backlog && { ...backlog, lag };
}

const worstFirst: readonly HealthStatus[] = ["DOWN", "IMPAIRED", "UP"];

/** The health of all of these together. */
export function healthOf(services: readonly ProcessHealth[], clock: Clock): Health {
  const status = worstFirst.find((one) => services.some((service) => service.status === one)) ?? "UP";
  return { status, at: instant(clock), services: [...services] };
}
