import { expect, test } from "bun:test";
import { createServer } from "node:net";
import { once } from "node:events";
import { freePort } from "./free-port.ts";
import { requireServicePorts, servicePorts } from "./service-ports.ts";

test("one setting moves every port, and a service's own setting wins over it", () => {
  expect(Object.fromEntries(servicePorts({ PORT_OFFSET: "10000", ORDER_PORT: "7000" }))).toEqual({
    ...{ frontend: 18_080, gateway: 18_000, user: 18_001, order: 7_000 },
    ...{ product: 18_003, delivery: 18_004, orchestrator: 18_005 },
  });
  expect(servicePorts({ PORT_OFFSET: "", ORDER_PORT: "" }).get("order")).toBe(8_002);
});

test("what is no port is refused by the names of its settings", () => {
  expect(() => servicePorts({ USER_PORT: "x", ORDER_PORT: "0" })).toThrow(
    "USER_PORT=x and ORDER_PORT=0: a port is a whole number from 1 to 64535.",
  );
  for (const offset of ["-1", "1.5", "60000"])
    expect(() => servicePorts({ PORT_OFFSET: offset })).toThrow(`PORT_OFFSET=${offset}`);
});

test("all ports that are in use are named in one sentence, with the setting that moves them", async () => {
  const [user, order] = [await freePort(), await freePort()];
  const servers = [user, order + 1_000].map((port) => createServer().listen(port, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = new Map([
    ["user", user],
    ["order", order],
  ] as const);
  await expect(requireServicePorts(ports)).rejects.toThrow(
    `Ports ${user} (user), ${order + 1_000} (order's health and metrics) are in use. Stop the programs that hold them, or set PORT_OFFSET`,
  );
  for (const server of servers) server.close();
  await expect(requireServicePorts(new Map([...ports, ["product", user]]))).rejects.toThrow(
    `Port ${user} is wanted by user and product`,
  );
});
