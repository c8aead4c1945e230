import { runMain } from "@shop/service/process";
import { runParticipant } from "@shop/service/run";
import { orchestratorService } from "./service.ts";

runMain(() => runParticipant(orchestratorService, process.env));
