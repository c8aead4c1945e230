import { startOrExplain } from "@shop/service/process";
import { runParticipant } from "@shop/service/run";
import { orchestratorService } from "./service.ts";

startOrExplain(() => runParticipant(orchestratorService, process.env));
