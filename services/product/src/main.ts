import { runMain } from "@shop/service/process";
import { runParticipant } from "@shop/service/run";
import { productService } from "./service.ts";

runMain(() => runParticipant(productService, process.env));
