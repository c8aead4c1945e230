import { afterAll, beforeAll, expect, test } from "bun:test";
import { connect } from "node:net";

/**
 * What Bun's own server cannot do, by a bare `Bun.serve`: nothing of this repository is under test. docs/operations.md tells of each, so a release of Bun
 * that mends one must be noticed.
 */
let server: Bun.Server<undefined>;
beforeAll(() => {
  server = Bun.serve({
    port: 0,
    async fetch(request) {
      const text = await request.text();
      await Bun.sleep(5);
      return new Response(`read ${text}`);
    },
  });
});
afterAll(() => server.stop(true));

/** Writes bytes, ends the sending half if wished, and gives what has come when the server closes or when an answer is there. */
function exchange(bytes: string, { answers = 1, halfClose = false } = {}): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = connect({ port: server.port ?? 0, host: "127.0.0.1", allowHalfOpen: true });
  let text = "";
  const end = () => {
    resolve(text);
    socket.destroy();
  };
  socket.on("data", (piece) => {
    text += piece.toString();
    if (text.split("read ").length > answers) end();
  });
  socket.once("end", end);
  socket.once("close", end);
  socket.once("error", end);
  socket.write(bytes);
  if (halfClose) socket.end();
  return promise;
}

const get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const postHead = "POST / HTTP/1.1\r\nHost: x\r\n";
const mended = (what: string) => `Bun has mended this: ${what}. Update docs/operations.md#limits-of-buns-server`;

test("a bare server answers one request, a chunked body and Expect in lower case: what fails below is Bun's", async () => {
  expect(await exchange(get)).toContain("read ");
  const chunked = `${postHead}Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n`;
  expect(await exchange(chunked)).toContain("read ab");
  expect(await exchange(`${postHead}Expect: 100-continue\r\nContent-Length: 2\r\n\r\nab`)).toStartWith(
    "HTTP/1.1 100 Continue\r\n",
  );
});

test("two requests that are sent without waiting for the first answer lose their connection", async () => {
  const answer = await exchange(get + get, { answers: 2 });
  expect(answer.split("HTTP/1.1 200").length - 1, mended("pipelined requests are answered")).toBeLessThan(2);
});

test("trailers behind a chunked body are a 400 without a body", async () => {
  const trailers = `${postHead}Transfer-Encoding: chunked\r\nTrailer: X-A\r\n\r\n2\r\nab\r\n0\r\nX-A: 1\r\n\r\n`;
  expect(await exchange(trailers), mended("trailers are read")).toBe(
    "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
  );
});

test("a client that closes its sending half gets nothing", async () => {
  expect(await exchange(get, { halfClose: true }), mended("a half-closed client is answered")).toBe("");
});

test("Expect: 100-Continue in capitals is not answered with 100, so that its client waits before it sends the body", async () => {
  const answer = await exchange(`${postHead}Expect: 100-Continue\r\nContent-Length: 2\r\n\r\nab`);
  expect(answer, mended("Expect is matched whatever its case")).toStartWith("HTTP/1.1 200");
});
