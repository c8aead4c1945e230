import { afterEach, beforeEach, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { eventually } from "@shop/testing/eventually";
import { unusedPort } from "@shop/testing/ports";

const PROGRAM = join(import.meta.dir, "..", "testing", "small-upstream.ts");
/** On Linux far more than Bun lets wait on one socket, and so few that each of several has room for its share. */
const CALLERS = process.platform === "linux" ? 2_000 : 400;

let port: number;
let server: Bun.Subprocess;
let sockets: Socket[];

beforeEach(async () => {
  sockets = [];
  port = await unusedPort();
  server = Bun.spawn([process.execPath, PROGRAM, String(port), "a"], { stdout: "ignore", stderr: "inherit" });
  await eventually(async () => expect((await fetch(`http://127.0.0.1:${port}/`, { keepalive: false })).ok).toBe(true));
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  server.kill("SIGKILL");
  await server.exited;
});

test("connections that come by the thousand while a process has no time are taken by the kernel, and answered when it has", async () => {
  let [connected, answered] = [0, 0];
  server.kill("SIGSTOP");
  for (let count = 0; count < CALLERS; count += 1) {
    const socket = connect(port, "127.0.0.1");
    sockets.push(socket);
    socket.once("connect", () => {
      connected += 1;
      socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    });
    socket.once("data", () => (answered += 1));
  }
  // Each that had no room would be dropped for as long as the process is frozen, however often it is retried.
  await eventually(() => expect(connected).toBe(CALLERS));
  expect(answered).toBe(0);
  server.kill("SIGCONT");
  await eventually(() => expect(answered).toBe(CALLERS));
});
