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

  describe("for a caller whose token", () => {
    const bodyFor = (endsInMs: number, isGranted: () => boolean) =>
      readerOf(
        eventStreamBody(() => () => void (left += 1), clock, {
          endsAtMs: clock.now() + endsInMs,
          isGranted: () => Promise.resolve(isGranted()),
          onEnd: () => void (left += 100),
        }),
      );

    test("ends goes on until that very moment, and ends then as one that is over", async () => {
      reader = bodyFor(12_000, () => true);
      await next();
      const pieces = [next(), next()];
      await clock.advance(11_999);
      expect(await Promise.all(pieces)).toEqual([": still here\n\n", ": still here\n\n"]);
      const last = reader.read();
      expect(left).toBe(0);
      await clock.advance(1);
      expect([(await last).done, left, clock.sleeperCount]).toEqual([true, 101, 0]);
    });

    test("is withdrawn ends with the next comment that is due", async () => {
      let isGranted = true;
      reader = bodyFor(900_000, () => isGranted);
      await next();
      const comment = next();
      await clock.advance(5_000);
      expect(await comment).toBe(": still here\n\n");
      isGranted = false;
      const last = reader.read();
      await clock.advance(5_000);
      expect([(await last).done, left, clock.sleeperCount]).toEqual([true, 101, 0]);
    });
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
