import { expect, test } from "bun:test";
import { backgroundDuringOutage } from "@shop/service/testing/background";
import { orchestratorService } from "./service.ts";

test("the background work of the orchestrator service goes on, however often it finds the database away", async () => {
  const { begun, goOn } = await backgroundDuringOutage(orchestratorService);
  expect(goOn).toBe(begun);
});
