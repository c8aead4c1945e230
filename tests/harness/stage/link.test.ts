import { afterAll, beforeAll, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { freePort } from "@shop/local/free-port";
import { eventually } from "@shop/testing/eventually";
import { type Link, openLink } from "./link.ts";

/** Answers each piece with the same bytes. */
const echo = Bun.listen({
  hostname: "127.0.0.1",
  port: 0,
  socket: { data: (socket, bytes) => void socket.write(bytes) },
});
let link: Link;
let targets: readonly number[] = [echo.port];

beforeAll(async () => {
  link = await openLink(await freePort(), () => targets);
});
afterAll(async () => {
  await link.close();
  echo.stop(true);
});

async function dial(): Promise<{ readonly socket: Socket; heard(): string; ended(): string | undefined }> {
  const socket = connect(link.port, "127.0.0.1");
  let heard = "";
  let ended: string | undefined;
  socket.on("data", (bytes) => (heard += bytes.toString()));
  socket.on("error", (error) => (ended = "code" in error ? String(error.code) : error.message));
  socket.on("close", () => (ended ??= "closed"));
  await new Promise((resolve) => socket.once("connect", resolve));
  return { socket, heard: () => heard, ended: () => ended };
}

test("bytes go through a link unchanged, and past a target that is not there", async () => {
  targets = [await freePort(), echo.port, await freePort()];
  for (let time = 0; time < 3; time += 1) {
    const { socket, heard } = await dial();
    const text = "x".repeat(600_000);
    socket.write(text);
    await eventually(() => expect(heard() === text).toBe(true));
    socket.end();
  }
  targets = [echo.port];
});

test("a link that is cut one way carries nothing that way, and all of it once it is healed", async () => {
  const { socket, heard } = await dial();
  link.setWeather({ cut: ["toClient"] });
  socket.write("one");
  await Bun.sleep(100);
  expect(heard()).toBe("");
  link.setWeather({});
  await eventually(() => expect(heard()).toBe("one"));
  socket.destroy();
});

test("latency is added to each direction", async () => {
  const { socket, heard } = await dial();
  link.setWeather({ latencyMs: 100 });
  const startedAt = performance.now();
  socket.write("late");
  await eventually(() => expect(heard()).toBe("late"));
  expect(performance.now() - startedAt).toBeGreaterThan(195);
  link.setWeather({});
  socket.destroy();
});

test("a watcher can let the request through and reset the connection instead of the answer", async () => {
  const { socket, heard, ended } = await dial();
  let served = "";
  link.watch((connection, direction, bytes) => {
    if (direction === "toServer") return "pass";
    served += bytes.toString();
    connection.reset();
    return "drop";
  });
  socket.write("did it");
  await eventually(() => expect(ended()).toBe("ECONNRESET"));
  expect([served, heard()]).toEqual(["did it", ""]);
  link.watch(undefined);
});

test("what travels over a slow link arrives at once when the link is healed", async () => {
  const { socket, heard } = await dial();
  link.setWeather({ bytesPerSecond: 10 });
  const text = "x".repeat(1_000);
  socket.write(text);
  await Bun.sleep(100);
  expect(heard()).toBe("");
  link.setWeather({});
  await eventually(() => expect(heard()).toBe(text));
  socket.destroy();
});

test("a connection that is silenced carries requests and no answers, and says how its client introduced itself", async () => {
  const { socket, heard, ended } = await dial();
  const passed: string[] = [];
  link.watch((connection, direction, bytes) => {
    passed.push(`${direction} ${bytes.toString()} of ${connection.opening().toString()}`);
    if (direction === "toClient") connection.silence();
    return "pass";
  });
  for (const word of ["first", "second"]) {
    socket.write(word);
    await eventually(() =>
      expect(passed.at(-1)).toBe(`${word === "first" ? "toClient" : "toServer"} ${word} of first`),
    );
  }
  expect([heard(), ended()]).toEqual(["first", undefined]);
  link.watch(undefined);
  socket.destroy();
});
