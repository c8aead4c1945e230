import { ConfigError } from "@shop/runtime/config";
import { uuidV7 } from "@shop/runtime/ids";
import { doAndLeave } from "@shop/service/one-off";
import { startOrExplain } from "@shop/service/process";
import { MIGRATIONS } from "./service.ts";
import { type RotationReason, rotateSigningKeys } from "./use-cases/rotate-signing-keys.ts";

const REASONS = new Map<string, RotationReason>([
  ["", "scheduled"],
  ["--leaked", "leaked"],
  ["--restored", "restored"],
]);

startOrExplain(() => {
  const [given = "", ...others] = process.argv.slice(2);
  const reason = REASONS.get(given);
  if (reason === undefined || others.length > 0)
    throw new ConfigError("usage: bun services/user/src/rotate-keys.ts [--leaked | --restored]");
  doAndLeave(
    {
      name: "user",
      migrations: MIGRATIONS,
      migrates: false,
      failure: "the keys of access tokens were not rotated",
      work: (parts) => rotateSigningKeys({ ...parts, ids: uuidV7 }, reason),
    },
    process.env,
  );
});
