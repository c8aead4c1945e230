import { runMain } from "@shop/service/process";
import { runParticipant } from "@shop/service/run";
import { orderService } from "./service.ts";

runMain(() => runParticipant(orderService, process.env));
