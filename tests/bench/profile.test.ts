import { expect, test } from "bun:test";
import { type CpuProfile, timesByPackage } from "./profile.ts";

const frame = (functionName: string, url = "") => ({ functionName, url });

test("self time counts for the package of the function, and native code for the package that called it", () => {
  const root = "/shop";
  const kafkajs = `${root}/node_modules/.bun/kafkajs@2.2.4/node_modules/kafkajs/src/network/socket.js`;
  const profile: CpuProfile = {
    nodes: [
      { id: 1, callFrame: frame("(root)"), children: [2, 5, 6] },
      { id: 2, callFrame: frame("relay", `${root}/shared/messaging/src/relay.ts`), children: [3] },
      { id: 3, callFrame: frame("send", kafkajs), children: [4] },
      { id: 4, callFrame: frame("write", "node:net") },
      { id: 5, callFrame: frame("(idle)") },
      { id: 6, callFrame: frame("place", `${root}/services/order/src/use-cases/place-order.ts`) },
    ],
    samples: [2, 3, 4, 5, 6],
    timeDeltas: [1_000, 2_000, 4_000, 100_000, 3_000],
  };
  expect([...timesByPackage(profile)]).toEqual([
    ["kafkajs", 6],
    ["services/order", 3],
    ["shared/messaging", 1],
  ]);
});
