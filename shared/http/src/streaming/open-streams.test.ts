import { expect, test } from "bun:test";
import { settled } from "@shop/testing/settled";
import { createOpenStreams } from "./open-streams.ts";

/** A stream of events without end, and whether its source has been told that nobody reads it any more. */
function endless() {
  let isLeft = false;
  const body = new ReadableStream<Uint8Array>({
    pull: () => new Promise(() => {}),
    cancel: () => void (isLeft = true),
  });
  return { response: new Response(body, { headers: { "content-type": "text/event-stream" } }), isLeft: () => isLeft };
}

test("event streams end when they are told to, and so does one that a call under way opens after that: no stop waits for it", async () => {
  const streams = createOpenStreams();
  const [before, after] = [endless(), endless()];
  const first = streams.follow(before.response).text();
  streams.end();
  const second = streams.follow(after.response).text();
  expect(await settled(first)).toBe("");
  expect(await settled(second)).toBe("");
  expect([before.isLeft(), after.isLeft(), streams.count]).toEqual([true, true, 0]);
});
