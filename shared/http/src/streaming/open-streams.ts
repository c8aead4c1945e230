import { isEventStream } from "./event-stream.ts";

/** The event streams that a server has open, its own and forwarded ones: a stop would wait for them indefinitely. */
export interface OpenStreams {
  /** Gives a response back as it is, or one whose stream of events can be ended. */
  follow(response: Response): Response;
  /** Ends all of them, and each that comes later at once. Their callers connect again, elsewhere, and resume. */
  end(): void;
  /** How many are open. */
  readonly count: number;
}

export function createOpenStreams(): OpenStreams {
  const open = new Set<() => void>();
  let ended = false;

  function endable(body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
    const reader = readerOf(body);
    let finish = () => {};
    return new ReadableStream<Uint8Array>(
      {
        start(controller) {
          finish = () => {
            if (!open.delete(finish)) return;
            controller.close();
            void reader.cancel();
          };
          open.add(finish);
          if (ended) finish();
        },
        async pull(controller) {
          try {
            const { done, value } = await reader.read();
            if (!open.has(finish)) return;
            if (done) finish();
            else controller.enqueue(value);
          } catch {
            // Who reads from the service has told the log already; the caller's connection breaks, and it resumes.
            if (open.delete(finish)) controller.error();
          }
        },
        cancel() {
          open.delete(finish);
          return reader.cancel();
        },
      },
      { highWaterMark: 0 },
    );
  }

  return {
    follow(response) {
      if (!isEventStream(response) || response.body === null) return response;
      return new Response(endable(response.body), response);
    },
    end() {
      ended = true;
      for (const finish of open) finish();
    },
    get count() {
      return open.size;
    },
  };
}

const readerOf = (body: ReadableStream<Uint8Array>) => body.getReader();
