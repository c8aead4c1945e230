import { expect, test } from "bun:test";
import { createEventParser, type StreamEvent } from "./event-stream.ts";

const STREAM =
  ': hello\n\nid: 1\ndata: {"a":1}\n\nevent: x\r\nid: 2\r\ndata: {"b":\r\ndata: 2}\r\n\r\n: keep-alive\n\ndata:bare\n\ndata: cut';
const EVENTS = [
  { id: "1", data: '{"a":1}' },
  { id: "2", data: '{"b":\n2}' },
  { id: "2", data: "bare" },
];

test("events are the same, wherever the stream is cut into pieces", () => {
  for (let size = 1; size <= STREAM.length; size += 1) {
    const events: StreamEvent[] = [];
    const take = createEventParser((event) => events.push(event));
    for (let start = 0; start < STREAM.length; start += size) take(STREAM.slice(start, start + size));
    expect([size, events]).toEqual([size, EVENTS]);
  }
});
