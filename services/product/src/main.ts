import { startOrExplain } from "@shop/service/process";
import { runParticipant } from "@shop/service/run";
import { productService } from "./service.ts";

startOrExplain(() => runParticipant(productService, process.env));
