import type { HttpApp } from "@shop/http/server/app";
import { withAccessLog } from "@shop/http/server/access-log";
import { createManagementApp, type Readiness } from "@shop/http/server/management";
import { ListenError, serve } from "@shop/http/server/serve";
import { hostname } from "node:os";
import { type Clock, instant, systemClock } from "@shop/runtime/clock";
import { ConfigError } from "@shop/runtime/config";
import { errorTextWithStack } from "@shop/runtime/errors";
import type { Identity } from "@shop/runtime/identity";
import { type LogFormat, logWriter } from "@shop/runtime/log-text";
import { createLogger, type Logger, type LogLevel } from "@shop/runtime/logger";
import { createMetrics, type Metrics } from "@shop/runtime/metrics";
import { showProcess } from "@shop/runtime/process-metrics";
import type { Tracing } from "@shop/runtime/tracing";
import { type TracingSettings, tracingOf } from "./tracing.ts";
import { stopInOrder, stopOnSignal } from "@shop/runtime/shutdown";

/** A process that has been built. */
export interface ServiceRuntime {
  readonly app: HttpApp;
  ready(): Promise<Readiness>;
  /** Begins the work beside requests. A service that owns a database waits for it first, for as long as it is unavailable. */
  start(): void;
  /** Finishes in-flight work. The HTTP side must have been stopped before. */
  stop(): Promise<void>;
}

/** What every process is built from. */
export interface ProcessParts {
  readonly identity: Identity;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Given where traces are exported. */
  readonly tracing?: Tracing | undefined;
}

interface ProcessOptions {
  readonly name: string;
  readonly settings: {
    readonly PORT: number;
    readonly MANAGEMENT_PORT: number;
    readonly LOG_LEVEL: LogLevel;
    readonly LOG_FORMAT?: LogFormat | undefined;
    readonly NO_COLOR?: string | undefined;
    readonly ACCESS_LOG: boolean;
    readonly DRAIN_MS: number;
    readonly RELEASE: string;
  } & TracingSettings;
  readonly build: (parts: ProcessParts) => ServiceRuntime;
}

/**
 * Starts a process. What its operator can set right, a missing setting or a port in use, is said in a sentence instead of a stack trace.
 */
export function runMain(start: () => void | Promise<void>): void {
  const fail = (error: unknown) => {
    const isExplained = error instanceof ConfigError || error instanceof ListenError;
    process.stderr.write(`${isExplained ? error.explanation : errorTextWithStack(error)}\n`);
    process.exit(1);
  };
  try {
    void start()?.catch(fail);
  } catch (error) {
    fail(error);
  }
}

/** Builds a process, opens its ports, starts its work, and stops it in order on SIGTERM: requests first, then the work behind them. */
export async function runProcess({ name, settings, build }: ProcessOptions): Promise<void> {
  const clock = systemClock;
  const logger = createLogger({
    ...{ service: name, level: settings.LOG_LEVEL, clock },
    write: logWriter(settings.LOG_FORMAT, settings.NO_COLOR),
  });
  const metrics = createMetrics();
  const identity = {
    release: settings.RELEASE,
    instance: `${hostname()}/${process.pid}`,
    startedAt: instant(clock),
  };
  showProcess(metrics, identity);
  const tracing = await tracingOf(settings, { service: { name, ...identity }, clock, logger, metrics });
  const runtime = build({ identity, clock, logger, metrics, tracing });
  const managementApp = createManagementApp({ ready: () => runtime.ready(), metrics });
  const listening = serve({
    app: settings.ACCESS_LOG ? withAccessLog(runtime.app, { clock, logger }) : runtime.app,
    managementApp,
    port: settings.PORT,
    managementPort: settings.MANAGEMENT_PORT,
    logger,
    ready: () => runtime.ready(),
    drainMs: settings.DRAIN_MS,
  });
  const parts = [
    { name: "HTTP", stop: () => listening.stop() },
    { name: name, stop: () => runtime.stop() },
    // Last, since stopping is traced too.
    ...(tracing === undefined ? [] : [{ name: "tracing", stop: () => tracing.stop() }]),
  ];
  stopOnSignal(() => stopInOrder(parts, logger), logger);
  runtime.start();
}
