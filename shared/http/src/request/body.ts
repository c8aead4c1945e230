import { problem, type ProblemAnswer, problemResponse } from "./answer.ts";
import type { ShopContext } from "../server/request-id.ts";

/** The largest body that is read, in bytes. */
export const MAX_BODY_BYTES = 262_144;
/**
 * How much of a body that is too large is read and dropped. A connection that is closed while its caller still sends is
 * reset, and the reset takes the answer with it; who sends without end has to live with that.
 */
const DROPPED_AT_MOST = { bytes: 64 * MAX_BODY_BYTES, ms: 1_000 } as const;

/**
 * How long a body may take from the head of its request, in milliseconds: the largest one then needs 26 kB a second. Bun ends a connection that is slower
 * than that after its idle timeout, without an answer.
 */
export const BODY_WITHIN_MS = 10_000;

/** A body was not there in time: the caller gets a 408 and the connection is closed. */
export class SlowBodyError extends Error {
  override readonly name = "SlowBodyError";

  constructor(withinMs: number) {
    super(`a body was not whole after ${withinMs} ms`);
  }
}

/**
 * What `reading` gives, if that is there in time. Else what has come is dropped with the connection, which the answer closes.
 * @throws SlowBodyError
 */
export function withTimeout<Value>(reading: Promise<Value>, withinMs: number): Promise<Value> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new SlowBodyError(withinMs)), withinMs);
    // What comes of a late one, which ends with the connection, is of no effect.
    reading.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}

const utf8 = new TextDecoder("utf-8", { fatal: true });
const tooLarge = problem("BODY_TOO_LARGE", `A body may have at most ${MAX_BODY_BYTES} bytes.`);
const malformed = (detail: string) => problem("MALFORMED_BODY", detail);

/**
 * Reads the JSON body of a request, in the contract's order: 413, then 415, then 400.
 * It reads through hono's own cache, so that the validator behind it finds the body again; that it is JSON at all is found there.
 * @param withinMs how long a body may take; SlowBodyError is thrown then
 * @returns reads the body, and gives the refusal of one that is not good
 */
export const readJsonBody =
  (withinMs: number) =>
  async (c: ShopContext): Promise<Response | undefined> => {
    const { headers } = c.req.raw;
    const declared = Number(headers.get("content-length") ?? Number.NaN);
    if (declared > MAX_BODY_BYTES) return problemResponse(c, tooLarge);
    if (!(declared >= 0)) {
      const bounded = await withTimeout(readBounded(c.req.raw.body), withinMs);
      if (bounded === undefined) return problemResponse(c, tooLarge);
      const { url, method, signal } = c.req.raw;
      c.req.raw = new Request(url, { method, headers, signal, body: bounded });
    }
    const bytes = await withTimeout(c.req.arrayBuffer(), withinMs);
    if (bytes.byteLength > MAX_BODY_BYTES) return problemResponse(c, tooLarge);

    const refusal = refuseMediaType(headers);
    if (refusal !== undefined) return problemResponse(c, refusal);

    const text = decode(bytes);
    if (text === undefined) return problemResponse(c, malformed("The body is not UTF-8."));
    // Well-formed UTF-8 holds no surrogates and JSON no raw NUL: only an escape can bring one in.
    if (text.includes("\\u")) {
      const parsed = parse(text);
      if (parsed === undefined) return problemResponse(c, malformed("The body is not JSON."));
      if (holdsForbiddenText(parsed.value)) {
        return problemResponse(c, malformed("The body holds NUL or half of a surrogate pair."));
      }
    }
    return undefined;
  };

/** @returns the bytes of a body that did not tell its length, or undefined when they are too many; its rest has been dropped then */
export async function readBounded(
  body: ReadableStream<Uint8Array> | null,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (body === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = readerOf(body);
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return Buffer.concat(chunks, length);
    length += value.length;
    if (length > MAX_BODY_BYTES) {
      await dropRest(reader);
      return undefined;
    }
    chunks.push(value);
  }
}

const readerOf = (body: ReadableStream<Uint8Array>) => body.getReader();

async function dropRest(reader: ReturnType<typeof readerOf>): Promise<void> {
  // Cancelling ends a read that waits for a slow sender.
  const timer = setTimeout(() => void reader.cancel(), DROPPED_AT_MOST.ms);
  try {
    for (let bytes = 0; bytes < DROPPED_AT_MOST.bytes;) {
      const { done, value } = await reader.read();
      if (done) return;
      bytes += value.length;
    }
  } finally {
    clearTimeout(timer);
  }
  await reader.cancel();
}

function refuseMediaType(headers: Headers): ProblemAnswer | undefined {
  if (headers.get("content-encoding") !== null) {
    return problem("UNSUPPORTED_MEDIA_TYPE", "A body must come without a Content-Encoding.");
  }
  const contentType = headers.get("content-type");
  if (contentType === "application/json") return undefined;
  const [mediaType = "", ...parameters] = (contentType ?? "").toLowerCase().split(";");
  if (mediaType.trim() !== "application/json") {
    return problem("UNSUPPORTED_MEDIA_TYPE", "The Content-Type must be application/json.");
  }
  const charset = parameters.map((parameter) => parameter.trim()).find((parameter) => parameter.startsWith("charset="));
  if (charset === undefined || /^charset="?utf-?8"?$/.test(charset)) return undefined;
  return problem("UNSUPPORTED_MEDIA_TYPE", "JSON must be sent in UTF-8.");
}

function decode(bytes: ArrayBuffer): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** @returns undefined when the text is not JSON, or nested deeper than the parser goes */
function parse(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Whether a text in it, a key or a value, holds NUL or a lone surrogate: PostgreSQL can store neither. */
function holdsForbiddenText(root: unknown): boolean {
  const waiting: unknown[] = [root];
  while (waiting.length > 0) {
    const value = waiting.pop();
    if (typeof value === "string") {
      if (value.includes("\0") || !value.isWellFormed()) return true;
    } else if (typeof value === "object" && value !== null) {
      if (!Array.isArray(value)) for (const key of Object.keys(value)) waiting.push(key);
      for (const inner of Object.values(value)) waiting.push(inner);
    }
  }
  return false;
}
