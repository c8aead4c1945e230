import type { Clock } from "@shop/runtime/clock";

export const EVENT_STREAM = "text/event-stream";

/** Whether an answer is a stream of events. */
export function isEventStream(response: Response): boolean {
  // The body last: asking for it makes a stream of one that was none.
  return (response.headers.get("content-type")?.startsWith(EVENT_STREAM) ?? false) && response.body !== null;
}

/** One event: its id, by which the caller can resume behind it, and its data. */
export interface StreamEvent<Data> {
  readonly id: number;
  readonly data: Data;
}

/** Where events go to. Both are of no effect once the caller has left or the stream has ended. */
export interface EventSink<Data> {
  send(event: StreamEvent<Data>): void;
  /** Ends the stream: there is nothing more to tell. */
  end(): void;
}

/**
 * Begins to tell a caller; called once somebody reads, so not for HEAD.
 * @returns what is to be called when the stream has ended, for whatever reason
 */
export type OpenEvents<Data> = (sink: EventSink<Data>) => () => void;

/** The answer that is a stream of Server-Sent Events. */
export interface EventsAnswer<Data> {
  readonly kind: "events";
  readonly open: OpenEvents<Data>;
}

/** Answers with a stream of events. */
export function events<Data>(open: OpenEvents<Data>): EventsAnswer<Data> {
  return { kind: "events", open };
}

/** The answer when the caller has had the last event already. */
export interface NoMoreEvents {
  readonly kind: "noMoreEvents";
}

/** Answers 204, which tells an `EventSource` not to connect again. */
export function noMoreEvents(): NoMoreEvents {
  return { kind: "noMoreEvents" };
}

/** How long a stream is quiet at most, in milliseconds: the contract's comment every 5 s. */
const KEEP_ALIVE_MS = 5_000;
/** What `EventSource` waits before it connects again, in milliseconds. */
const RECONNECT_MS = 1_000;
/** A caller that does not read is sent no more comments once so many pieces wait for it. Events are few by nature. */
const PIECES_WAITING = 16;

const encoder = new TextEncoder();
/** It goes out at once: Bun sends the headers with the first bytes of the body only. */
const BEGINNING = encoder.encode(`retry: ${RECONNECT_MS}\n\n`);
const COMMENT = encoder.encode(": still here\n\n");

/** For how long a stream may continue, and who is told of its end. */
interface StreamLife {
  /** In milliseconds since the epoch. */
  readonly endsAtMs: number;
  /** Whether its caller may still be told; asked whenever the stream has been quiet for 5 s. */
  readonly isGranted: () => Promise<boolean>;
  /** Called once, when the stream has ended for whatever reason. */
  readonly onEnd: () => void;
}

const endless: StreamLife = {
  endsAtMs: Number.POSITIVE_INFINITY,
  isGranted: () => Promise.resolve(true),
  onEnd: () => {},
};

/** The body of an answer of events. */
export function eventStreamBody<Data>(
  open: OpenEvents<Data>,
  clock: Clock,
  { endsAtMs, isGranted, onEnd }: StreamLife = endless,
): ReadableStream<Uint8Array> {
  const over = new AbortController();
  let close: (() => void) | undefined;

  function finish(): void {
    if (over.signal.aborted) return;
    over.abort();
    close?.();
    onEnd();
  }

  function begin(controller: ReadableStreamDefaultController<Uint8Array>): void {
    const write = (piece: Uint8Array) => {
      if (!over.signal.aborted) controller.enqueue(piece);
    };
    write(BEGINNING);
    const end = () => {
      if (over.signal.aborted) return;
      finish();
      controller.close();
    };
    const closing = open({
      send: ({ id, data }) => write(encoder.encode(`id: ${id}\ndata: ${JSON.stringify(data)}\n\n`)),
      end,
    });
    if (over.signal.aborted) closing();
    else close = closing;
    const comment = () => {
      if ((controller.desiredSize ?? 0) > -PIECES_WAITING) write(COMMENT);
    };
    void keepAlive(comment, end);
  }

  async function keepAlive(comment: () => void, end: () => void): Promise<void> {
    for (;;) {
      await clock.sleep(Math.min(KEEP_ALIVE_MS, Math.max(0, endsAtMs - clock.now())), over.signal);
      if (over.signal.aborted) return;
      if (clock.now() >= endsAtMs || !(await isGranted())) {
        end();
        return;
      }
      comment();
    }
  }

  const untilOver = () =>
    new Promise<void>((resolve) => over.signal.addEventListener("abort", () => resolve(), { once: true }));
  return new ReadableStream<Uint8Array>(
    {
      // Called once: what comes later is enqueued while it is under way.
      pull(controller) {
        begin(controller);
        return over.signal.aborted ? undefined : untilOver();
      },
      cancel: finish,
    },
    { highWaterMark: 0 },
  );
}
