import { callOf, type Entry, shownIn } from "./journal.ts";

/** Somebody with a token whose calls are recorded. */
export interface LoadClient {
  readonly name: string;
  call(method: string, path: string, asked?: Asked): Promise<Told>;
}

export interface Asked {
  readonly json?: unknown;
  readonly key?: string;
  /** The statuses that it may be answered with, when they are not those that the call may always be answered with. */
  readonly expects?: readonly number[];
  /** The order that it is about, when the path does not say so. */
  readonly orderId?: string;
}

export interface Told {
  /** 0 when no answer came. */
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** An answer, with the code of its problem or why there is none. */
export type Answered = Told & Pick<Entry, "problem" | "retryAfter">;

/** Longer than any answer may take: who waits longer has none. */
const WAIT_LIMIT_MS = 30_000;

/** @param write told of each call when it has been answered, or has not */
export function loadClient(name: string, baseUrl: string, token: string, write: (entry: Entry) => void): LoadClient {
  const call = (method: string, path: string, { json, key }: Asked) =>
    ask(baseUrl + path, {
      method,
      headers: headersOf(token, json, key),
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
      signal: AbortSignal.timeout(WAIT_LIMIT_MS),
    });
  return writtenDown(name, call, write, () => performance.timeOrigin + performance.now());
}

export function headersOf(token: string, json: unknown, key: string | undefined): Record<string, string> {
  return {
    authorization: `Bearer ${token}`,
    ...(json === undefined ? {} : { "content-type": "application/json" }),
    ...(key === undefined ? {} : { "idempotency-key": key }),
  };
}

/**
 * Somebody whose calls are made by `call`.
 * @param nowMs the time, in milliseconds
 */
export function writtenDown(
  name: string,
  call: (method: string, path: string, asked: Asked) => Promise<Answered>,
  write: (entry: Entry) => void,
  nowMs: () => number,
): LoadClient {
  return {
    name,
    async call(method, path, asked = {}) {
      const startedAt = nowMs();
      const { status, body, problem, retryAfter } = await call(method, path, asked);
      const { key, orderId, json } = asked;
      const about = orderId ?? aboutOrder(path, body);
      const { status: said, riderId } = body;
      write({
        ...{ at: Math.round(startedAt), ms: Math.round(nowMs() - startedAt) },
        ...{ who: name, method, call: callOf(path), status },
        ...(key === undefined ? {} : { key }),
        ...(about === undefined ? {} : { orderId: about }),
        ...shownIn(body),
        ...askedIn(path, json),
        ...(asked.expects && { expects: asked.expects }),
        ...(typeof said === "string" ? { said } : {}),
        ...(typeof riderId === "string" ? { riderId } : {}),
        ...(problem === undefined ? {} : { problem }),
        ...(retryAfter === undefined ? {} : { retryAfter }),
      });
      return { status, body };
    },
  };
}

async function ask(url: string, request: RequestInit): Promise<Answered> {
  try {
    return await answered(await fetch(url, request));
  } catch (error) {
    return { status: 0, body: {}, problem: error instanceof Error ? error.message : String(error) };
  }
}

/** What a response says. */
export async function answered(response: Response): Promise<Answered> {
  const text = await response.text();
  const body = (text === "" ? {} : JSON.parse(text)) as Told["body"];
  const { status } = response;
  if (status < 400) return { status, body };
  const retryAfter = response.headers.get("retry-after");
  return {
    ...{ status, body, problem: String(body["code"]) },
    ...(retryAfter === null ? {} : { retryAfter: Number(retryAfter) }),
  };
}

/** What a body asks for that is compared with what becomes of it. */
function askedIn(path: string, json: unknown): Pick<Entry, "asked" | "delta" | "about" | "stock"> {
  const about = /^\/api\/products\/([0-9a-f-]{36})/.exec(path)?.[1];
  return { ...(about === undefined ? {} : { about }), ...askedBy(path, json) };
}

function askedBy(path: string, json: unknown): Pick<Entry, "asked" | "delta" | "stock"> {
  if (typeof json !== "object" || json === null) return {};
  if ("delta" in json && typeof json.delta === "number") return { delta: json.delta };
  if ("stock" in json && typeof json.stock === "number") return { stock: json.stock };
  if (path === "/api/orders" && "items" in json && "deliveryAddress" in json)
    return { asked: json as Entry["asked"] & object };
  return {};
}

function aboutOrder(path: string, body: Told["body"]): string | undefined {
  const named = /^\/api\/orders\/([0-9a-f-]{36})/.exec(path)?.[1];
  if (named !== undefined) return named;
  if (path === "/api/orders" && typeof body["id"] === "string") return body["id"];
  return typeof body["orderId"] === "string" ? body["orderId"] : undefined;
}
