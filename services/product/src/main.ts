import { runMain } from "@shop/service/process";
import { runService } from "@shop/service/run";
import { productService } from "./service.ts";

runMain(() => runService(productService, process.env));
