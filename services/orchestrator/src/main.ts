import { runParticipant, startOrExplain } from "@shop/service/run";
import { orchestratorService } from "./service.ts";

startOrExplain(() => runParticipant(orchestratorService, process.env));
