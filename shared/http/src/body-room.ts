import { MAX_BODY_BYTES } from "./body.ts";

/** How much memory bodies may take that are on their way or are kept until their calls are answered. */
export interface BodyRoom {
  /** @returns what is to be called once when the body is needed no more; undefined when there is no room for it */
  enter(request: Request): (() => void) | undefined;
}

/** Up to this size, in bytes, a body costs no more than its connection does, and is let in always. No call of the API needs a larger one. */
const SMALL_BYTES = 16_384;
/** What all larger ones may take together, in bytes. */
const ROOM_BYTES = 64 * MAX_BODY_BYTES;

/** Builds the room of a process that passes bodies on. Whoever begins to send large ones and then stalls fills it, and not the memory. */
export function createBodyRoom(): BodyRoom {
  let takenBytes = 0;
  return {
    enter({ headers }) {
      // One that does not tell its length can be as large as any; one that is too large is not read.
      const declared = Number(headers.get("content-length") ?? MAX_BODY_BYTES);
      const bytes = declared <= SMALL_BYTES || declared > MAX_BODY_BYTES ? 0 : declared;
      if (bytes > 0 && takenBytes + bytes > ROOM_BYTES) return undefined;
      takenBytes += bytes;
      return () => {
        takenBytes -= bytes;
      };
    },
  };
}
