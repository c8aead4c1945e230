import { expect, test } from "bun:test";
import { type CpuProfile, samplesByPackage } from "./profile.ts";

const frame = (functionName: string, url = "") => ({ functionName, url });

test("a sample counts for the package of its function, and native code for the package that called it", () => {
  const root = "/shop";
  const kafkajs = `${root}/node_modules/.bun/kafkajs@2.2.4/node_modules/kafkajs/src/network/socket.js`;
  const profile: CpuProfile = {
    nodes: [
      { id: 1, callFrame: frame("(root)"), children: [2, 5, 6] },
      { id: 2, callFrame: frame("relay", `${root}/shared/messaging/src/outbox/relay.ts`), children: [3] },
      { id: 3, callFrame: frame("send", kafkajs), children: [4] },
      { id: 4, callFrame: frame("write", "node:net") },
      { id: 5, callFrame: frame("(idle)") },
      { id: 6, callFrame: frame("place", `${root}/services/order/src/use-cases/place-order.ts`) },
    ],
    samples: [2, 3, 4, 4, 5, 5, 5, 5, 5, 6, 6],
  };
  expect([...samplesByPackage(profile)]).toEqual([
    ["kafkajs", 3],
    ["services/order", 2],
    ["shared/messaging", 1],
  ]);
});
