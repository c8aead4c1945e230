import { afterAll, beforeAll, expect, test } from "bun:test";
import { connect } from "node:net";
import { freePort } from "@shop/local/free-port";
import { eventually } from "@shop/testing/eventually";
import { KAFKA_CALLS, type KafkaLink, openKafkaLink } from "./kafka-link.ts";

const ANSWER_BODY = "y".repeat(40);
/** Answers each request of a test with a frame of its id, a byte at a time. */
const broker = Bun.listen<{ read: Buffer }>({
  hostname: "127.0.0.1",
  port: 0,
  socket: {
    open: (socket) => void (socket.data = { read: Buffer.alloc(0) }),
    async data(socket, bytes) {
      socket.data.read = Buffer.concat([socket.data.read, bytes]);
      while (socket.data.read.length >= 12) {
        const length = socket.data.read.readInt32BE(0) + 4;
        if (socket.data.read.length < length) return;
        const id = socket.data.read.readInt32BE(8);
        socket.data.read = socket.data.read.subarray(length);
        for (const byte of answer(id)) {
          socket.write(Buffer.from([byte]));
          await Bun.sleep(0);
        }
      }
    },
  },
});
let link: KafkaLink;

beforeAll(async () => {
  link = await openKafkaLink(await freePort(), () => [broker.port]);
});
afterAll(async () => {
  await link.close();
  broker.stop(true);
});

function request(call: number, id: number, body: string): Buffer {
  const head = Buffer.alloc(12);
  head.writeInt32BE(8 + body.length, 0);
  head.writeInt16BE(call, 4);
  head.writeInt32BE(id, 8);
  return Buffer.concat([head, Buffer.from(body)]);
}

function answer(id: number): Buffer {
  const head = Buffer.alloc(8);
  head.writeInt32BE(4 + ANSWER_BODY.length, 0);
  head.writeInt32BE(id, 4);
  return Buffer.concat([head, Buffer.from(ANSWER_BODY)]);
}

test("requests and answers are told apart however they come in pieces, and one can be kept back", async () => {
  const socket = connect(link.port, "127.0.0.1");
  let heard = 0;
  socket.on("data", (bytes) => (heard += bytes.length));
  const frames: string[] = [];
  link.watchFrames((_connection, { kind, call }) => {
    frames.push(`${kind} ${call}`);
    return kind === "request" && call === KAFKA_CALLS.offsetCommit ? "drop" : "pass";
  });
  const two = Buffer.concat([request(KAFKA_CALLS.produce, 1, "x".repeat(300)), request(3, 2, "")]);
  for (const piece of [two.subarray(0, 5), two.subarray(5, 309), two.subarray(309)]) {
    socket.write(piece);
    await Bun.sleep(20);
  }
  await eventually(() => expect(heard).toBe(2 * (8 + ANSWER_BODY.length)));
  expect(frames.toSorted()).toEqual(["answer 0", "answer 3", "request 0", "request 3"]);

  socket.write(request(KAFKA_CALLS.offsetCommit, 3, "z"));
  await eventually(() => expect(frames.at(-1)).toBe("request 8"));
  expect(heard).toBe(2 * (8 + ANSWER_BODY.length));
  socket.destroy();
});
