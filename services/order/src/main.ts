import { startOrExplain } from "@shop/service/process";
import { runParticipant } from "@shop/service/run";
import { orderService } from "./service.ts";

startOrExplain(() => runParticipant(orderService, process.env));
