import { expect, test } from "bun:test";
import { ManualClock } from "@shop/testing/clock";
import { capturedLogger } from "@shop/testing/logger";
import { withAccessLog } from "./access-log.ts";

test("each request has a line with its method, path, status, time and id, and nothing of its query or headers", async () => {
  const { logger, lines } = capturedLogger();
  const clock = new ManualClock();
  const app = withAccessLog(
    {
      async fetch() {
        await clock.advance(12);
        return new Response(null, { status: 404, headers: { "x-request-id": "request-1" } });
      },
    },
    { clock, logger },
  );
  const headers = { authorization: "Bearer secret" };
  const response = await app.fetch(new Request("http://shop/api/orders/1?token=secret", { method: "POST", headers }));
  expect(response.status).toBe(404);
  expect(lines).toMatchObject([
    {
      level: "info",
      event: "REQUEST_ANSWERED",
      ...{ method: "POST", path: "/api/orders/1", status: 404, ms: 12, requestId: "request-1" },
    },
  ]);
  expect(JSON.stringify(lines)).not.toContain("secret");
});
