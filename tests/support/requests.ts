import { expect } from "bun:test";
import { connect } from "node:net";

/** A request as a client may write it: nothing is added but what is given here. */
export interface Sent {
  readonly method: string;
  readonly path: string;
  readonly token?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** As it is, or as JSON with its content type. */
  readonly body?: string | Uint8Array<ArrayBuffer> | undefined;
  readonly json?: unknown;
}

export interface Received {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body, when it is a JSON object. */
  readonly body: Readonly<Record<string, unknown>>;
}

/** Sends a request and checks what holds for every answer: its id, and for an error all of its problem. */
export async function send(baseUrl: string, sent: Sent): Promise<Received> {
  const { method, path, token, headers = {}, json } = sent;
  const body = json === undefined ? sent.body : JSON.stringify(json);
  const response = await fetch(baseUrl + path, {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body }),
    redirect: "manual",
  });
  const text = await response.text();
  const isJson = (response.headers.get("content-type") ?? "").includes("json");
  const received: Received = {
    status: response.status,
    headers: response.headers,
    text,
    body: isJson && text !== "" ? (JSON.parse(text) as Record<string, unknown>) : {},
  };
  keepsTheRules(sent, received);
  return received;
}

/** "Every answer carries X-Request-Id"; "Errors are RFC 9457 …"; 401, 405 and 429 with their headers. */
function keepsTheRules({ method, path }: Sent, { status, headers, body, text }: Received): void {
  const where = `${method} ${path.slice(0, 80)}: ${status}`;
  const requestId = headers.get("x-request-id") ?? "";
  expect(requestId, where).toMatch(/^[A-Za-z0-9_-]{8,64}$/);
  if (method === "HEAD") expect(text, where).toBe("");
  if (status < 400) return;
  expect(status, where).not.toBe(500);
  expect(headers.get("content-type"), where).toBe("application/problem+json");
  if (status === 401) expect(headers.get("www-authenticate"), where).toBe("Bearer");
  if (status === 405) expect(headers.get("allow") ?? "", where).not.toBe("");
  if (status === 429) expect(headers.get("retry-after"), where).toMatch(/^[1-9][0-9]*$/);
  if (method === "HEAD") return;
  expect(body, where).toMatchObject({ status, requestId });
  for (const field of ["type", "title", "detail", "instance", "code"]) {
    expect([field, typeof body[field]], where).toEqual([field, "string"]);
  }
  expect(errorPaths(body).length > 0, `${where} has errors`).toBe(status === 422);
}

/** Which fields a 422 names. */
export function errorPaths(body: Received["body"]): readonly string[] {
  const errors = (body["errors"] ?? []) as readonly { path: string; message: string }[];
  return errors.map(({ path }) => path);
}

/** Writes bytes to a port and gives back what comes until the connection ends or an answer is whole; for what `fetch` would not send. */
export function exchange(baseUrl: string, pieces: readonly string[]): Promise<{ status: number; text: string }> {
  const { hostname, port } = new URL(baseUrl);
  const socket = connect(Number(port), hostname);
  const { promise, resolve } = Promise.withResolvers<{ status: number; text: string }>();
  let text = "";
  const end = () => {
    resolve({ status: Number(text.split(" ")[1] ?? 0), text });
    socket.destroy();
  };
  socket.on("data", (chunk) => {
    text += chunk.toString("latin1");
    const [head = "", body] = text.split("\r\n\r\n", 2);
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? Number.NaN);
    if (body !== undefined && body.length >= length) end();
  });
  socket.once("close", end);
  socket.once("error", end);
  for (const piece of pieces) socket.write(piece);
  return promise;
}

/** Logs somebody in. */
export async function tokenOf(baseUrl: string, username: string, password = `${username}-password`): Promise<string> {
  const { status, body } = await send(baseUrl, { method: "POST", path: "/login", json: { username, password } });
  if (status !== 200) throw new Error(`${username} cannot log in: ${status}`);
  return String(body["accessToken"]);
}
