import { callOf, type Entry } from "./journal.ts";

/** Somebody with a token whose calls are written down. */
export interface Person {
  readonly name: string;
  call(method: string, path: string, asked?: Asked): Promise<Told>;
}

interface Asked {
  readonly json?: unknown;
  readonly key?: string;
  /** The order that it is about, when the path does not say so. */
  readonly orderId?: string;
}

export interface Told {
  /** 0 when no answer came. */
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Longer than any answer may take: who waits longer has none. */
const PATIENCE_MS = 10_000;

/** @param write told of each call when it has been answered, or has not */
export function person(name: string, baseUrl: string, token: string, write: (entry: Entry) => void): Person {
  const startOfTime = performance.timeOrigin;
  return {
    name,
    async call(method, path, { json, key, orderId } = {}) {
      const startedAt = performance.now();
      const { status, body, problem, retryAfter } = await ask(baseUrl + path, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(json === undefined ? {} : { "content-type": "application/json" }),
          ...(key === undefined ? {} : { "idempotency-key": key }),
        },
        ...(json === undefined ? {} : { body: JSON.stringify(json) }),
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      const about = orderId ?? aboutOrder(path, body);
      const said = typeof body["status"] === "string" ? body["status"] : undefined;
      write({
        ...{ at: Math.round(startOfTime + startedAt), ms: Math.round(performance.now() - startedAt) },
        ...{ who: name, method, call: callOf(path), status },
        ...(key === undefined ? {} : { key }),
        ...(about === undefined ? {} : { orderId: about }),
        ...(said === undefined ? {} : { said }),
        ...(problem === undefined ? {} : { problem }),
        ...(retryAfter === undefined ? {} : { retryAfter }),
      });
      return { status, body };
    },
  };
}

async function ask(url: string, request: RequestInit): Promise<Told & Pick<Entry, "problem" | "retryAfter">> {
  try {
    const response = await fetch(url, request);
    const text = await response.text();
    const body = (text === "" ? {} : JSON.parse(text)) as Told["body"];
    const { status } = response;
    if (status < 400) return { status, body };
    const retryAfter = response.headers.get("retry-after");
    return {
      ...{ status, body, problem: String(body["code"]) },
      ...(retryAfter === null ? {} : { retryAfter: Number(retryAfter) }),
    };
  } catch (error) {
    return { status: 0, body: {}, problem: error instanceof Error ? error.message : String(error) };
  }
}

function aboutOrder(path: string, body: Told["body"]): string | undefined {
  const named = /^\/api\/orders\/([0-9a-f-]{36})/.exec(path)?.[1];
  if (named !== undefined) return named;
  if (path === "/api/orders" && typeof body["id"] === "string") return body["id"];
  return typeof body["orderId"] === "string" ? body["orderId"] : undefined;
}
