import { ConfigError } from "@shop/runtime/config";
import { uuidV7 } from "@shop/runtime/ids";
import { runOnce } from "@shop/service/run-once";
import { runMain } from "@shop/service/process";
import { MIGRATIONS } from "./service.ts";
import { rotateSigningKeys, type RotationReason } from "./use-cases/rotate-signing-keys.ts";

const REASONS = new Map<string, RotationReason>([
  ["", "scheduled"],
  ["--leaked", "leaked"],
  ["--restored", "restored"],
]);

runMain(() => {
  const [given = "", ...others] = process.argv.slice(2);
  const reason = REASONS.get(given);
  if (reason === undefined || others.length > 0)
    throw new ConfigError("usage: bun services/user/src/rotate-keys.ts [--leaked | --restored]");
  runOnce(
    {
      name: "user",
      migrations: MIGRATIONS,
      migrates: false,
      failure: { event: "KEY_ROTATION_FAILED", sentence: "the signing keys were not rotated" },
      work: (parts) => rotateSigningKeys({ ...parts, ids: uuidV7 }, reason),
    },
    process.env,
  );
});
