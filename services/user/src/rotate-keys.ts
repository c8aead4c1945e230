import { ConfigError } from "@shop/runtime/config";
import { uuidV7 } from "@shop/runtime/ids";
import { doAndLeave } from "@shop/service/one-off";
import { startOrExplain } from "@shop/service/process";
import { MIGRATIONS } from "./service.ts";
import { rotateSigningKeys } from "./use-cases/rotate-signing-keys.ts";

startOrExplain(() => {
  const given = process.argv.slice(2);
  const leaked = given.includes("--leaked");
  if (given.length > (leaked ? 1 : 0)) throw new ConfigError("usage: bun services/user/src/rotate-keys.ts [--leaked]");
  doAndLeave(
    {
      name: "user",
      migrations: MIGRATIONS,
      migrates: false,
      failure: "the keys of access tokens were not rotated",
      work: (parts) => rotateSigningKeys({ ...parts, ids: uuidV7 }, { leaked }),
    },
    process.env,
  );
});
