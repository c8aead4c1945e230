import { join } from "node:path";
import { REPOSITORY } from "../repository.ts";
import { routesModule } from "./routes-module.ts";

await Bun.write(join(REPOSITORY, "shared/client/src/routes.ts"), routesModule());
