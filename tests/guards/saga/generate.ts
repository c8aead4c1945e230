import { join } from "node:path";
import { REPOSITORY } from "../repository.ts";
import { PAGE, withDiagram } from "./diagram.ts";

const page = join(REPOSITORY, PAGE);
await Bun.write(page, withDiagram(await Bun.file(page).text()));
