import { MAX_BODY_BYTES } from "./body.ts";
import { UnavailableError } from "./errors.ts";

/** A request whose body there is room for. */
export interface BodyPermit {
  /** To be read in place of the one that came. Reading it throws UnavailableError when a body that did not tell its length finds no more room. */
  readonly request: Request;
  /** To be called once, when the body is needed no more. */
  release(): void;
}

/** How much memory bodies may take that are on their way or are kept until their calls are answered. */
export interface BodyMemoryBudget {
  /** @returns undefined when there is no room for a body of this length */
  acquire(request: Request): BodyPermit | undefined;
}

/** Up to this size, in bytes, a body costs no more than its connection does, and is let in always. No call of the API needs a larger one. */
const SMALL_BYTES = 16_384;
/** What all larger ones may take together, in bytes. */
const ROOM_BYTES = 64 * MAX_BODY_BYTES;

/** Builds the room of a process that reads bodies. Anyone who begins to send large ones and then stalls fills it, and not the memory. */
export function createBodyMemoryBudget(): BodyMemoryBudget {
  let takenBytes = 0;

  function createPermit() {
    let ownBytes = 0;
    return {
      /** @param length of the body as far as it is known; what is too long is dropped, not kept */
      take(length: number): boolean {
        const bytes = length <= SMALL_BYTES ? 0 : Math.min(length, MAX_BODY_BYTES);
        const more = bytes - ownBytes;
        if (more > 0 && takenBytes + more > ROOM_BYTES) return false;
        takenBytes += more;
        ownBytes = bytes;
        return true;
      },
      release() {
        takenBytes -= ownBytes;
        ownBytes = 0;
      },
    };
  }

  return {
    acquire(request) {
      const { take, release } = createPermit();
      const declared = request.headers.get("content-length");
      if (declared !== null) {
        // One that is too large is not read.
        const length = Number(declared) > MAX_BODY_BYTES ? 0 : Number(declared);
        return take(length) ? { request, release } : undefined;
      }
      if (request.body === null) return { request, release };
      const { url, method, headers, signal } = request;
      return { request: new Request(url, { method, headers, signal, body: counted(request.body, take) }), release };
    },
  };
}

/** @param take told how long the body is by now; false when there is no room for that */
function counted(
  body: ReadableStream<Uint8Array>,
  take: (length: number) => boolean,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const reader = body.getReader();
  let length = 0;
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) {
        controller.close();
        return;
      }
      length += value.length;
      if (take(length)) controller.enqueue(new Uint8Array(value));
      else {
        controller.error(new UnavailableError("large bodies take all the memory that there is for them"));
        await reader.cancel();
      }
    },
    cancel: (reason) => reader.cancel(reason),
  });
}
