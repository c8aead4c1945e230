import { type Connection, type Direction, type Link, openLink } from "./link.ts";

/** Of the requests that Kafka's protocol numbers, those that matter here. */
export const KAFKA_CALLS = { produce: 0, fetch: 1, offsetCommit: 8 } as const;

/** A request, or the answer to one, of which the first bytes have come. */
export interface KafkaFrame {
  readonly kind: "request" | "answer";
  /** The number of the request in Kafka's protocol. */
  readonly call: number;
}

/** Sees each request and answer when it begins; `drop` keeps the piece of bytes that it begins in back for good. */
export type FrameWatcher = (connection: Connection, frame: KafkaFrame) => "pass" | "drop";

/** A link to Kafka that understands what passes, as far as to tell what is asked and answered. */
export interface KafkaLink extends Link {
  /** One at a time. */
  watchFrames(watcher: FrameWatcher | undefined): void;
}

/** Like `openLink`. Its own watcher is in use; see `watchFrames`. */
export async function openKafkaLink(port: number, targets: () => readonly number[]): Promise<KafkaLink> {
  const link = await openLink(port, targets);
  const conversations = new WeakMap<Connection, Conversation>();
  let watcher: FrameWatcher | undefined;
  link.watch((connection, direction, bytes) => {
    const conversation = conversations.get(connection) ?? createConversation();
    conversations.set(connection, conversation);
    let verdict: "pass" | "drop" = "pass";
    for (const frame of conversation.read(direction, bytes))
      if (watcher?.(connection, frame) === "drop") verdict = "drop";
    return verdict;
  });
  return {
    ...link,
    watchFrames(next) {
      watcher = next;
    },
  };
}

interface Conversation {
  read(direction: Direction, bytes: Buffer): readonly KafkaFrame[];
}

/** A request begins with its length, its number, the version of that, and an id that its answer bears behind its own length. */
const LENGTH_BYTES = 4;
const REQUEST_HEAD_BYTES = LENGTH_BYTES + 8;
const ANSWER_HEAD_BYTES = LENGTH_BYTES + 4;

function createConversation(): Conversation {
  const asked = new Map<number, number>();
  const requests = createCutter(REQUEST_HEAD_BYTES);
  const answers = createCutter(ANSWER_HEAD_BYTES);
  return {
    read(direction, bytes) {
      if (direction === "toServer")
        return requests(bytes).map((head) => {
          const call = head.readInt16BE(LENGTH_BYTES);
          asked.set(head.readInt32BE(LENGTH_BYTES + 4), call);
          return { kind: "request", call };
        });
      return answers(bytes).flatMap((head) => {
        const id = head.readInt32BE(LENGTH_BYTES);
        const call = asked.get(id);
        asked.delete(id);
        return call === undefined ? [] : [{ kind: "answer", call }];
      });
    },
  };
}

/** Cuts a stream into frames and gives the head of each that has become whole, however the stream comes in pieces. */
function createCutter(headBytes: number): (bytes: Buffer) => readonly Buffer[] {
  let head = Buffer.alloc(0);
  /** Of the frame whose head is known. */
  let bytesLeft = 0;
  return (bytes) => {
    const heads: Buffer[] = [];
    let at = 0;
    while (at < bytes.length) {
      const skipped = Math.min(bytesLeft, bytes.length - at);
      bytesLeft -= skipped;
      at += skipped;
      if (bytesLeft > 0 || at >= bytes.length) break;
      const taken = bytes.subarray(at, at + headBytes - head.length);
      head = Buffer.concat([head, taken]);
      at += taken.length;
      if (head.length < headBytes) break;
      heads.push(head);
      bytesLeft = head.readInt32BE(0) + LENGTH_BYTES - headBytes;
      head = Buffer.alloc(0);
    }
    return heads;
  };
}
