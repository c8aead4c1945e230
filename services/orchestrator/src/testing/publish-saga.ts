import { join } from "node:path";
import { orderSagaVersions } from "../sagas/registry.ts";
import { publishedModule, publishedSaga } from "./published-saga.ts";

// Beside this file, so that a copy of the repository writes its own.
const published = join(import.meta.dir, "../../../../shared/contracts/src/order-saga.ts");
await Bun.write(published, publishedModule(publishedSaga(orderSagaVersions)));
