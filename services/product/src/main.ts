import { runParticipant, startOrExplain } from "@shop/service/run";
import { productService } from "./service.ts";

startOrExplain(() => runParticipant(productService, process.env));
