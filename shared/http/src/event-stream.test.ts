import { beforeEach, describe, expect, test } from "bun:test";
import { ManualClock } from "@shop/testing/clock";
import { eventStreamBody, type EventSink } from "./event-stream.ts";

let clock: ManualClock;
let sink: EventSink<string>;
let left: number;
let reader: ReturnType<typeof readerOf>;

beforeEach(() => {
  clock = new ManualClock();
  left = 0;
  const open = (given: EventSink<string>) => {
    sink = given;
    return () => void (left += 1);
  };
  reader = readerOf(eventStreamBody(open, clock));
});

const readerOf = (body: ReadableStream<Uint8Array>) => body.getReader();
const next = async () => new TextDecoder().decode((await reader.read()).value);

describe("a stream of events", () => {
  test("says every 5 s that it is still there, however quiet it is, so that nobody on the way takes it for dead", async () => {
    expect(await next()).toBe("retry: 1000\n\n");
    for (let comments = 0; comments < 3; comments += 1) {
      const comment = next();
      await clock.advance(4_999);
      sink.send({ id: comments, data: "a" });
      expect(await comment).toBe(`id: ${comments}\ndata: "a"\n\n`);
      const afterEvent = next();
      await clock.advance(1);
      expect(await afterEvent).toBe(": still here\n\n");
    }
  });

  test("that has ended says no more, and tells so once", async () => {
    await next();
    sink.send({ id: 1, data: "last" });
    sink.end();
    sink.end();
    sink.send({ id: 2, data: "late" });
    await clock.advance(60_000);
    expect(await next()).toBe('id: 1\ndata: "last"\n\n');
    expect((await reader.read()).done).toBe(true);
    expect([left, clock.sleeperCount]).toEqual([1, 0]);
  });

  test("that ends as it begins, since all has been told, is watched for no more", async () => {
    reader = readerOf(
      eventStreamBody((given) => {
        given.send({ id: 1, data: "last" });
        given.end();
        return () => void (left += 1);
      }, clock),
    );
    expect([await next(), await next()]).toEqual(["retry: 1000\n\n", 'id: 1\ndata: "last"\n\n']);
    expect((await reader.read()).done).toBe(true);
    expect([left, clock.sleeperCount]).toEqual([1, 0]);
  });

  test("whose reader has left is watched for no more", async () => {
    await next();
    await reader.cancel();
    await clock.advance(60_000);
    expect([left, clock.sleeperCount]).toEqual([1, 0]);
  });

  test("whose reader does not read piles up no comments without end", async () => {
    await next();
    await clock.advance(3_600_000);
    sink.end();
    let pieces = 0;
    while (!(await reader.read()).done) pieces += 1;
    expect(pieces).toBeLessThan(20);
  });
});
