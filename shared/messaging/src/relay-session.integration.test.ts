import { createServer, connect, type Socket } from "node:net";
import { expect, test } from "bun:test";
import { createTestDatabase } from "@shop/testing/database";
import { settled } from "@shop/testing/settled";
import { openRelaySession } from "./relay-session.ts";

/** A link to a server that can be cut without either side being told, as a network does. */
async function linkTo(url: string) {
  const target = new URL(url);
  const { hostname: host, port } = target;
  const sockets: Socket[] = [];
  let isCut = false;
  const server = createServer((near) => {
    const far = connect(Number(port), host);
    sockets.push(near, far);
    near.on("data", (data) => isCut || far.write(data)).on("close", () => far.destroy());
    far.on("data", (data) => isCut || near.write(data)).on("close", () => isCut || near.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the link has no port");
  target.host = `127.0.0.1:${address.port}`;
  return {
    url: target.href,
    cut() {
      isCut = true;
    },
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

test("a session whose link is cut without a word is given up within seconds, and another one can lead", async () => {
  const database = await createTestDatabase({ service: "orchestrator" });
  const link = await linkTo(database.url);
  const session = openRelaySession(link.url);
  expect(await session.tryToLead()).toBe(true);
  link.cut();
  expect(await settled(session.markAndRead([], 1), 20_000)).toMatchObject({
    message: expect.stringContaining("not answered"),
  });
  expect(session.holds()).toBe(false);
  expect(await settled(session.close())).toBeUndefined();
  const next = openRelaySession(database.url);
  expect(await next.tryToLead()).toBe(true);
  await next.close();
  link.close();
  await database.drop();
}, 60_000);
