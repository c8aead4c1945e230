import { Agent, request } from "node:http";

/** One kind of call that somebody makes again and again. */
export interface Caller {
  readonly what: string;
  /** The pause between two calls, in milliseconds. */
  readonly pauseMs: number;
  /** Asked before each call. */
  readonly next: () => {
    readonly method: string;
    readonly path: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: object;
  };
  /** Told the body of each answer that is a success. */
  readonly onAnswer?: (body: string) => void;
}

export interface Called {
  readonly what: string;
  /** 0 when the connection was refused, reset, or ended without an answer. */
  readonly status: number;
  readonly detail: string;
  readonly at: string;
}

export interface SteadyLoad {
  readonly called: readonly Called[];
  stop(): Promise<void>;
}

/** A caller who waits longer than this has been left hanging. */
const WAIT_LIMIT_MS = 30_000;

/**
 * Callers with a kept connection each, who see every reset: unlike `fetch`, which sends some calls again by itself, this client never does.
 */
export function startSteadyLoad(baseUrl: string, callers: readonly Caller[]): SteadyLoad {
  const called: Called[] = [];
  let going = true;

  async function callAgainAndAgain({ what, pauseMs, next, onAnswer }: Caller): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    while (going) {
      const { status, detail } = await callOnce(baseUrl, agent, next());
      if (status >= 200 && status < 300) onAnswer?.(detail);
      called.push({ what, status, detail, at: new Date().toISOString() });
      await Bun.sleep(pauseMs);
    }
    agent.destroy();
  }
  const all = callers.map(callAgainAndAgain);
  return {
    called,
    async stop() {
      going = false;
      await Promise.all(all);
    },
  };
}

function callOnce(
  baseUrl: string,
  agent: Agent,
  { method, path, headers = {}, body }: ReturnType<Caller["next"]>,
): Promise<{ status: number; detail: string }> {
  const { promise, resolve } = Promise.withResolvers<{ status: number; detail: string }>();
  const bytes = body === undefined ? undefined : JSON.stringify(body);
  const sent = request(
    baseUrl + path,
    {
      method,
      agent,
      timeout: WAIT_LIMIT_MS,
      headers: {
        ...headers,
        ...(bytes === undefined
          ? {}
          : { "content-type": "application/json", "content-length": String(Buffer.byteLength(bytes)) }),
      },
    },
    (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (piece: string) => (text += piece));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, detail: text }));
      response.on("error", (error) => resolve({ status: 0, detail: String(error) }));
    },
  );
  sent.on("timeout", () => sent.destroy(new Error(`no answer within ${WAIT_LIMIT_MS} ms`)));
  sent.on("error", (error) => resolve({ status: 0, detail: String(error) }));
  sent.end(bytes);
  return promise;
}
