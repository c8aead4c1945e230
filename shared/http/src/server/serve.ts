import { errorText, ExplainedError } from "@shop/runtime/errors";
import { uuidV7 } from "@shop/runtime/ids";
import type { Logger } from "@shop/runtime/logger";
import { problem, PROBLEM_JSON, problemBody } from "../request/answer.ts";
import { createOpenStreams } from "../streaming/open-streams.ts";

/** What `Bun.serve` asks: an app of `createApp`, or a Hono. */
interface Fetcher {
  readonly fetch: (request: Request, peer?: () => string | undefined) => Response | Promise<Response>;
}

interface ServeOptions {
  readonly app: Fetcher;
  readonly managementApp: Fetcher;
  /** 0 picks a free one. */
  readonly port: number;
  readonly managementPort: number;
  readonly logger: Logger;
  /** Whether the process can do its work now; asked again and again. While it cannot, callers are asked to connect elsewhere. */
  readonly ready?: () => Promise<{ readonly ready: boolean }>;
  /** How long a stop goes on answering (and asking callers to connect elsewhere), in milliseconds. */
  readonly drainMs: number;
}

export interface Listening {
  readonly port: number;
  readonly managementPort: number;
  /** Not ready any more, then no new connections, event streams end, what is in flight is answered, then both ports are closed. */
  stop(): Promise<void>;
}

/** A port cannot be had; the message says which and what to do. */
export class ListenError extends ExplainedError {
  override readonly name = "ListenError";
}

/** Longer than any answer is quiet: an event stream sends a comment every 5 s. */
const IDLE_TIMEOUT_S = 30;
/** How often it is found out whether the process is ready. */
const [LOOK_WHEN_READY_MS, LOOK_UNTIL_READY_MS] = [500, 100];
/**
 * Bun lets 512 connections wait to be taken on a listening socket; of more that come while a process has no time the kernel drops the first packets,
 * and their callers try again after 1 s, 3 s and 7 s. So there are several on the public port, over which Linux spreads what comes.
 */
const LISTENERS = process.platform === "linux" ? 16 : 1;
/** Bodies are counted and refused by the app, with a problem; Bun's own limit would answer without one. */
const MAX_REQUEST_BODY_BYTES = Number.MAX_SAFE_INTEGER;

/**
 * Opens both ports.
 * @throws ListenError when one of them is in use or not allowed
 */
export function serve({ app, managementApp, port, managementPort, logger, ready, drainMs }: ServeOptions): Listening {
  let draining = false;
  const readiness = watchReadiness(ready, logger);
  const streams = createOpenStreams();

  const servers = listenOften(
    "PORT",
    port,
    async (request, peer) => {
      const response = streams.follow(headAnswer(request, await app.fetch(withHost(request), peer)));
      if (draining || !readiness.isReady()) response.headers.set("connection", "close");
      return response;
    },
    logger,
  );
  const management = closeOnThrow(servers, () =>
    listen(
      "MANAGEMENT_PORT",
      managementPort,
      (given) => {
        const request = withHost(given);
        if (draining && new URL(request.url).pathname === "/readyz") {
          return Response.json({ ready: false, checks: { process: "stopping" } }, { status: 503 });
        }
        return managementApp.fetch(request);
      },
      logger,
    ),
  );

  async function stop(): Promise<void> {
    draining = true;
    readiness.stop();
    if (drainMs > 0) await Bun.sleep(drainMs);
    streams.end();
    await Promise.all(servers.map((server) => server.stop()));
    await management.stop(true);
  }

  let stopped: Promise<void> | undefined;
  const listening = { port: portOf(servers[0]), managementPort: portOf(management) };
  logger.info("LISTENING", "listening", listening);
  return { ...listening, stop: () => (stopped ??= stop()) };
}

interface Watch {
  readonly isReady: () => boolean;
  stop(): void;
}

function watchReadiness(ready: ServeOptions["ready"], logger: Logger): Watch {
  if (ready === undefined) return { isReady: () => true, stop: () => {} };
  let isReady = false;
  let timer: Timer | undefined;
  let stopped = false;
  const look = async () => {
    try {
      isReady = (await ready()).ready;
    } catch (error) {
      isReady = false;
      logger.error("READINESS_CHECK_FAILED", "the readiness check failed", { error });
    }
    if (!stopped) timer = setTimeout(() => void look(), isReady ? LOOK_WHEN_READY_MS : LOOK_UNTIL_READY_MS);
  };
  void look();
  return {
    isReady: () => isReady,
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

type Server = Bun.Server<undefined>;

/** Bun gives no absolute address to a request without a usable `Host`, as programs that look after a process's health send it. */
function withHost(request: Request): Request {
  return request.url.startsWith("/") ? new Request(`http://localhost${request.url}`, request) : request;
}

/** The answer to HEAD when nobody knows how long that to GET is, such as a stream's: Bun says 0 of one without a body, and nothing of a stream. */
function headAnswer({ method }: Request, response: Response): Response {
  const { status, headers } = response;
  if (method !== "HEAD" || status === 204 || status === 304 || headers.has("content-length")) return response;
  // Closed when it is read, not before: Bun knows the length of one that is empty from the start.
  return new Response(new ReadableStream({ pull: (controller) => controller.close() }, { highWaterMark: 0 }), response);
}

/** Several sockets on one port, which all lead to the same answers. */
function listenOften(
  setting: string,
  port: number,
  fetch: Fetcher["fetch"],
  logger: Logger,
): readonly [Server, ...Server[]] {
  const first = listen(setting, port, fetch, logger);
  if (LISTENERS === 1) return [first];
  // Alone it is refused where another process listens already; those that share a port are not.
  const free = portOf(first);
  void first.stop(true);
  const shared = () => listen(setting, free, fetch, logger, true);
  const servers: [Server, ...Server[]] = [shared()];
  while (servers.length < LISTENERS) servers.push(closeOnThrow(servers, shared));
  return servers;
}

function listen(setting: string, port: number, fetch: Fetcher["fetch"], logger: Logger, reusePort = false): Server {
  try {
    return Bun.serve({
      port,
      reusePort,
      idleTimeout: IDLE_TIMEOUT_S,
      maxRequestBodySize: MAX_REQUEST_BODY_BYTES,
      fetch: (request, server) => fetch(request, () => server.requestIP(request)?.address),
      error(error) {
        logger.error("REQUEST_FAILED_OUTSIDE_APP", "a request failed outside of the app", { error });
        return internalError();
      },
    });
  } catch (error) {
    throw new ListenError(listenFailure(setting, port, error), { cause: error });
  }
}

function listenFailure(setting: string, port: number, error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const remedy = `set ${setting} to another one (0 picks a free one).`;
  if (code === "EADDRINUSE") return `Port ${port} is in use: stop what listens there, or ${remedy}`;
  if (code === "EACCES") return `Port ${port} needs rights that this process does not have: ${remedy}`;
  return `Port ${port} cannot be opened (${errorText(error)}): ${remedy}`;
}

function closeOnThrow(others: readonly Server[], open: () => Server): Server {
  try {
    return open();
  } catch (error) {
    for (const server of others) void server.stop(true);
    throw error;
  }
}

function portOf(server: Server): number {
  if (server.port === undefined) throw new Error("a server without a port");
  return server.port;
}

/** For what even the app's own error handling did not catch. */
function internalError(): Response {
  const requestId = uuidV7();
  const body = problemBody(problem("INTERNAL", "Something went wrong here."), "/", requestId);
  return new Response(JSON.stringify(body), {
    status: 500,
    headers: { "content-type": PROBLEM_JSON, "x-request-id": requestId },
  });
}
