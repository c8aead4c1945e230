import { runMain } from "@shop/service/process";
import { runParticipant } from "@shop/service/run";
import { deliveryService } from "./service.ts";

runMain(() => runParticipant(deliveryService, process.env));
