import { startOrExplain } from "@shop/service/process";
import { runParticipant } from "@shop/service/run";
import { deliveryService } from "./service.ts";

startOrExplain(() => runParticipant(deliveryService, process.env));
