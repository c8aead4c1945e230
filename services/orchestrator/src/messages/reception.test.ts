import { expect, test } from "bun:test";
import { receptionInContract, receptionOf } from "@shop/service/testing/reception";
import { orchestratorService } from "../service.ts";

test("the orchestrator service handles exactly the messages that the contract says it receives, and reads exactly their topics", async () => {
  expect(await receptionOf(orchestratorService)).toEqual(receptionInContract(orchestratorService));
});
