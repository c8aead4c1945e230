/** An answer of the API, with its body as JSON. */
export interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers: Headers;
}

/** Told of each call when it has been answered; `startedAt` is `performance.now()` of its start. */
export type CallListener = (call: {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly startedAt: number;
}) => void;

/** Somebody who uses the shop over HTTP. */
export interface ShopClient {
  call(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer>;
}

/** Nobody in particular: calls without a token. */
export function anyone(baseUrl: string, onCall: CallListener = () => {}, token?: string): ShopClient {
  return {
    async call(method, path, body, headers = {}) {
      const startedAt = performance.now();
      const response = await fetch(baseUrl + path, {
        method,
        headers: {
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      onCall({ method, path, status: response.status, startedAt });
      return { status: response.status, headers: response.headers, body: text === "" ? {} : JSON.parse(text) };
    },
  };
}

/**
 * Logs somebody in.
 * @throws when the login is refused
 */
export async function logIn(
  baseUrl: string,
  username: string,
  password: string,
  onCall?: CallListener,
): Promise<ShopClient> {
  const { status, body } = await anyone(baseUrl, onCall).call("POST", "/login", { username, password });
  if (status !== 200) throw new Error(`${username} cannot log in: ${status} ${JSON.stringify(body)}`);
  return anyone(baseUrl, onCall, String(body["accessToken"]));
}
