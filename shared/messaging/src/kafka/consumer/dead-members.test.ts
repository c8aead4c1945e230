import { expect, test } from "bun:test";
import { clientIdOf, isDead } from "./dead-members.ts";

const me = { host: "web-1", pid: 20 };
const alive = (pid: number) => pid === 20 || pid === 30;

test.each([
  ["a process of this machine that is no more", "order/web-1/10", true],
  ["one with this process's own id, as the process before it in a container has", clientIdOf("order", me), true],
  ["a live replica on this machine", "order/web-1/30", false],
  ["a process of another machine", "order/web-2/10", false],
  ["another service", "product/web-1/10", false],
  ["a client that is called otherwise", "order", false],
  ["a name that ends in no number", "order/web-1/", false],
])("%s is told apart", (_what, clientId, dead) => {
  expect(isDead(clientId, "order", me, alive)).toBe(dead);
});
