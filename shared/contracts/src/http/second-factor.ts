import { z } from "zod";
import { lookedUpText } from "../primitives.ts";
import { defineEndpoint, roles } from "./define.ts";
import { SecondFactorCode } from "./user.ts";

const Credentials = { username: lookedUpText(200), password: lookedUpText(1000) };
const WRONG_PASSWORD = "Wrong name or password";
const TOO_MANY_FAILED_LOGINS = "Ten failures for this name within a minute";
const ACCOUNT_DISABLED = "The password is right, but an admin has disabled the user";

export const beginSecondFactor = defineEndpoint({
  name: "beginSecondFactor",
  service: "user",
  method: "POST",
  path: "/api/second-factor",
  summary: "Get the secret for an authenticator app; the first code of it that is used makes it active",
  access: "anyone",
  body: z.strictObject(Credentials),
  success: {
    status: 201,
    schema: z.object({
      secret: z.string().meta({ description: "Base32", examples: ["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"] }),
      uri: z.string().meta({
        description: "The same as authenticator apps take it, such as in a QR code",
        examples: ["otpauth://totp/shop:customer?issuer=shop&secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"],
      }),
    }),
  },
  refusals: {
    WRONG_PASSWORD,
    TOO_MANY_FAILED_LOGINS,
    ACCOUNT_DISABLED,
    SECOND_FACTOR_ACTIVE: "The user has one already: remove it first",
  },
});

export const removeSecondFactor = defineEndpoint({
  name: "removeSecondFactor",
  service: "user",
  method: "POST",
  path: "/api/second-factor/removal",
  summary: "Remove one's own second factor, with the password and a code",
  access: "anyone",
  body: z.strictObject({ ...Credentials, secondFactor: SecondFactorCode }),
  success: { status: 204, schema: undefined },
  refusals: {
    WRONG_PASSWORD,
    TOO_MANY_FAILED_LOGINS,
    ACCOUNT_DISABLED,
    INVALID_SECOND_FACTOR: "The code is wrong, was used, or there is no second factor",
  },
});

export const getSecondFactor = defineEndpoint({
  name: "getSecondFactor",
  service: "user",
  method: "GET",
  path: "/api/users/me/second-factor",
  summary: "Whether one has a second factor, and how many recovery codes are left",
  access: roles,
  success: {
    status: 200,
    schema: z.object({
      isActive: z.boolean(),
      recoveryCodes: z
        .int()
        .min(0)
        .meta({ examples: [10] }),
    }),
  },
});

export const renewRecoveryCodes = defineEndpoint({
  name: "renewRecoveryCodes",
  service: "user",
  method: "POST",
  path: "/api/users/me/recovery-codes",
  summary:
    "Get ten recovery codes with a code of the app; earlier ones end, and a second factor that was begun becomes active",
  access: roles,
  body: z.strictObject({ secondFactor: SecondFactorCode }),
  success: {
    status: 201,
    schema: z.object({
      recoveryCodes: z
        .array(z.string())
        .meta({ description: "Shown this once; each is good once", examples: [["7K2MX-QW9RT-4HNPC-VB8DZ"]] }),
    }),
  },
  refusals: {
    INVALID_SECOND_FACTOR: "The code is wrong, was used, or there is no second factor",
    TOO_MANY_FAILED_LOGINS,
  },
});

export const resetSecondFactor = defineEndpoint({
  name: "resetSecondFactor",
  service: "user",
  method: "POST",
  path: "/api/users/{id}/second-factor-reset",
  summary: "Remove the second factor of a user who has lost it; their sessions end",
  access: ["admin"],
  success: { status: 204, schema: undefined },
  refusals: { NOT_FOUND: "There is no such user, or they have no second factor" },
});
