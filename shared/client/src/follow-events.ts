import { backoffMs } from "@shop/runtime/backoff";
import type { Clock } from "@shop/runtime/clock";
import type { Numbered, WatchOptions } from "./calls.ts";
import { eventParser } from "./event-parser.ts";
import { NoAnswerError, ProblemError } from "./problem-error.ts";
import type { Transport } from "./transport.ts";

interface FollowOptions extends WatchOptions {
  readonly send: Transport;
  readonly clock: Clock;
  readonly path: string;
}

/** The server sends a comment every 5 s: a stream that is quiet for longer than this is dead, in milliseconds. */
const QUIET_MS = 15_000;
const RECONNECT = { firstMs: 250, maxMs: 5_000 };

/**
 * The events of a stream until there are no more. A stream that breaks, or that a server ends because it stops or because the access token has ended, is
 * resumed after the last event with fresh tokens, so that none is missed or told twice. One that is refused as one too many (429) is requested again
 * after the pause that the server names.
 * @throws ProblemError when the stream is refused for good, or too often; NoAnswerError when so many connections in a row told nothing; the signal's reason
 */
export async function* followEvents<Event extends object>(options: FollowOptions): AsyncGenerator<Numbered<Event>> {
  const { send, clock, path, signal, onConnection, breaks: mostBreaks = 10 } = options;
  let last = options.lastEventId;
  let isLive = false;
  const tell = (isLiveNow: boolean) => {
    if (isLive !== isLiveNow) onConnection?.(isLiveNow);
    isLive = isLiveNow;
  };
  for (let breaks = 0; ;) {
    let pauseMs = 0;
    const connection = new AbortController();
    const connectedAt = clock.now();
    const leave = () => connection.abort(signal?.reason);
    signal?.addEventListener("abort", leave, { once: true });
    try {
      signal?.throwIfAborted();
      const headers: Record<string, string> = last === undefined ? {} : { "last-event-id": String(last) };
      const request = { method: "GET", path, headers, body: undefined, signal: connection.signal, stream: true };
      const { status, pieces } = await send(request);
      if (status === 204 || pieces === null) return;
      tell(true);
      const parse = eventParser();
      for await (const piece of textOf(pieces, clock, leave)) {
        for (const { id, data } of parse(piece)) {
          breaks = 0;
          last = Number(id);
          yield { ...(JSON.parse(data) as Event), id: last };
        }
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof ProblemError && !isPassing(error)) throw error;
      if (breaks >= mostBreaks) {
        throw error instanceof ProblemError
          ? error
          : new NoAnswerError(`${path} broke ${breaks} times`, { cause: error });
      }
      if (error instanceof ProblemError) pauseMs = error.retryAfterMs ?? 0;
    } finally {
      signal?.removeEventListener("abort", leave);
      connection.abort();
    }
    tell(false);
    breaks = clock.now() - connectedAt > QUIET_MS ? 1 : breaks + 1;
    // Those whom one server's end has sent away do not all come back at the same moment.
    await clock.sleep(pauseMs + backoffMs(RECONNECT, breaks) * (0.5 + Math.random() / 2), signal);
  }
}

/** Whether a refusal is not for good: the shop, or a part of it, cannot answer just now. */
const isPassing = ({ problem: { status } }: ProblemError) => status === 429 || status === 503;

/** The pieces of a body as text; cut off when nothing has come for too long. */
async function* textOf(body: ReadableStream<Uint8Array>, clock: Clock, cut: () => void): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  for (;;) {
    const arrived = new AbortController();
    void clock.sleep(QUIET_MS, arrived.signal).then(() => {
      if (!arrived.signal.aborted) cut();
    });
    const { done, value } = await reader.read().finally(() => arrived.abort());
    if (done) return;
    yield decoder.decode(value, { stream: true });
  }
}
