import { CSV, JSON_LINES } from "../request/list-formats.ts";
import { ExplainedError } from "@shop/runtime/errors";
import { PROBLEM_JSON } from "../request/answer.ts";
import { EVENT_STREAM } from "../streaming/event-stream.ts";

const ANSWER_TYPES = ["application/json", PROBLEM_JSON, EVENT_STREAM, CSV, JSON_LINES];
/** An answer up to this size is read to its end before any of it goes out, so that one cut short is a 503 and not half an answer. */
const READ_WHOLE_UP_TO_BYTES = 262_144;

/** An upstream answered something that no service would. */
export class NoAnswerError extends ExplainedError {
  override readonly name = "NoAnswerError";
}

interface ReadAnswerOptions {
  /** Told when an answer breaks off after its beginning has gone out. */
  readonly onBroken: (error: unknown) => void;
  /** Called when an answer that goes out piece by piece has ended, for whatever reason. */
  readonly onEnd: () => void;
}

/** What is meant for one hop only (RFC 9110, section 7.6.1), beside what `Connection` names. */
const FOR_ONE_HOP: readonly string[] = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

/** The name of a header (RFC 9110, section 5.6.2). */
const TOKEN = /^[!#$%&'*+\-.^`|~\w]+$/;

/**
 * Reads the answer of a service: a small one whole, of any other the first piece; the rest follows as fast as the caller takes it.
 * @returns it with the headers that are meant for the caller
 * @throws NoAnswerError when it cannot be one of a service's
 */
export async function readAnswer(answer: Response, isHead: boolean, options: ReadAnswerOptions): Promise<Response> {
  const { status, headers } = answer;
  refuseGarbage(answer);
  const length = Number(headers.get("content-length") ?? Number.NaN);
  keepOwnHop(headers);
  const head = { status, statusText: answer.statusText, headers };
  if (isHead || status === 204 || status === 304) return new Response(null, head);
  // Before the stream of the body is touched: making one costs more than all else here.
  if (length <= READ_WHOLE_UP_TO_BYTES) return new Response(await answer.arrayBuffer(), head);

  if (answer.body === null) return new Response(null, head);
  const reader = answer.body.getReader();
  const first = await reader.read();
  return new Response(first.done ? null : restOf(first.value, reader, options), head);
}

/** Takes off what is for this hop only, and what says how a body was compressed that has been unpacked on its way. */
function keepOwnHop(headers: Headers): void {
  const connection = headers.get("connection");
  if (connection !== null) {
    for (const name of connection.split(",").map((part) => part.trim())) if (TOKEN.test(name)) headers.delete(name);
  }
  for (const name of FOR_ONE_HOP) headers.delete(name);
  if (headers.get("content-encoding") === null) return;
  headers.delete("content-encoding");
  headers.delete("content-length");
}

/** JSON, a list as CSV or JSON lines, or events, never a way to elsewhere, and faults as problems: all else is some other program's. */
function refuseGarbage({ status, headers }: Response): void {
  if (status === 204 || status === 304) return;
  const mediaType = headers.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  const known = status >= 500 ? mediaType === PROBLEM_JSON : ANSWER_TYPES.includes(mediaType);
  const elsewhere = status < 200 || (status >= 300 && status < 400);
  if (known && !elsewhere) return;
  throw new NoAnswerError(`answered ${status} with ${mediaType === "" ? "no media type" : mediaType}`);
}

function restOf(
  first: Uint8Array,
  reader: Pick<ReadableStreamDefaultReader<Uint8Array>, "read" | "cancel">,
  { onBroken, onEnd }: ReadAnswerOptions,
): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      start: (controller) => controller.enqueue(first),
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (done) {
            onEnd();
            controller.close();
          } else controller.enqueue(value);
        } catch (error) {
          onEnd();
          onBroken(error);
          // The caller's connection breaks, so that nobody takes this for a whole answer. Bun would print a reason to standard error.
          controller.error();
        }
      },
      cancel() {
        onEnd();
        return reader.cancel();
      },
    },
    { highWaterMark: 0 },
  );
}
