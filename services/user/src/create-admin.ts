import { Username } from "@shop/contracts/http/user";
import { ConfigError } from "@shop/runtime/config";
import { uuidV7 } from "@shop/runtime/ids";
import { runMain } from "@shop/service/process";
import { runOnce } from "@shop/service/run-once";
import { MIGRATIONS } from "./service.ts";
import { createAdmin } from "./use-cases/create-admin.ts";

runMain(() => {
  const [given, ...others] = process.argv.slice(2);
  const username = Username.safeParse(given);
  if (others.length > 0 || !username.success)
    throw new ConfigError(
      "usage: bun services/user/src/create-admin.ts NAME, with 3 to 32 of a-z, 0-9, dot, underscore and dash",
    );
  runOnce(
    {
      name: "user",
      migrations: MIGRATIONS,
      migrates: false,
      failure: { event: "ADMIN_NOT_CREATED", sentence: "no admin was created" },
      async work({ db, clock }) {
        const { code, expiresAt } = await createAdmin({ db, clock, ids: uuidV7 }, username.data);
        // Not by the logger: logs are kept and read by others.
        process.stdout.write(
          `The admin ${username.data} sets a password with this code until ${expiresAt.toISOString()}: ${code}\n` +
            "On the page /set-password, or by POST /api/password-resets with username, code and newPassword.\n",
        );
      },
    },
    process.env,
  );
});
