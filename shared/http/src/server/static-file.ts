import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import { evaluatePreconditions } from "../request/preconditions.ts";

type Encoding = "br" | "gzip" | "identity";

/** A file that goes out as it is, compressed once. */
export interface StaticFile {
  readonly type: string;
  readonly encodings: Readonly<Record<Encoding, Uint8Array<ArrayBuffer>>>;
  /** Tells one content from another. */
  readonly hash: string;
}

/** How hard to try when compressing. Brotli's best takes seconds for a megabyte, its middle a fifth of a second. */
type Effort = "best" | "quick";
const QUALITY: Readonly<Record<Effort, number>> = { best: constants.BROTLI_MAX_QUALITY, quick: 6 };

const brotli = promisify(brotliCompress);
const zip = promisify(gzip);

/** @param type its media type, with the charset of a text */
export async function staticFile(
  content: Uint8Array<ArrayBuffer>,
  type: string,
  effort: Effort = "best",
): Promise<StaticFile> {
  const [br, gz] = await Promise.all([
    brotli(content, { params: { [constants.BROTLI_PARAM_QUALITY]: QUALITY[effort] } }),
    zip(content, { level: 9 }),
  ]);
  const hash = new Bun.CryptoHasher("sha256").update(content).digest("hex").slice(0, 16);
  return { type, hash, encodings: { br: Uint8Array.from(br), gzip: Uint8Array.from(gz), identity: content } };
}

/** For a file at an address that holds its hash. */
export const KEPT_FOR_EVER = "public, max-age=31536000, immutable";
/** For a file that may be another one tomorrow: browsers ask each time, and are told when it is still the same. */
export const ASKED_FOR_EACH_TIME = "no-cache";

/** The file in the smallest encoding that the caller takes; 304 when they have it already, 412 when they want it only as it was before. */
export function serveFile(
  { type, encodings, hash }: StaticFile,
  request: Headers,
  headers: Readonly<Record<string, string>>,
): Response {
  const accepted = new Set((request.get("accept-encoding") ?? "").split(",").map((part) => part.trim()));
  const encoding = accepted.has("br") ? "br" : accepted.has("gzip") ? "gzip" : "identity";
  const etag = `"${hash}-${encoding}"`;
  const all = { ...headers, etag, vary: "Accept-Encoding", "x-content-type-options": "nosniff" };
  const [ifMatch, ifNoneMatch] = [request.get("if-match"), request.get("if-none-match")];
  // For HEAD the same holds as for GET, the only other method of a file.
  const verdict = evaluatePreconditions({ method: "GET", ifMatch, ifNoneMatch }, etag);
  if (verdict !== "met") return new Response(null, { status: verdict === "failed" ? 412 : 304, headers: all });
  return new Response(encodings[encoding], {
    headers: { ...all, "content-type": type, ...(encoding === "identity" ? {} : { "content-encoding": encoding }) },
  });
}
