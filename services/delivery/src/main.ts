import { runParticipant, startOrExplain } from "@shop/service/run";
import { deliveryService } from "./service.ts";

startOrExplain(() => runParticipant(deliveryService, process.env));
