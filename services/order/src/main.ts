import { runParticipant, startOrExplain } from "@shop/service/run";
import { orderService } from "./service.ts";

startOrExplain(() => runParticipant(orderService, process.env));
