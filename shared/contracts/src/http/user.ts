import { z } from "zod";
import { IdempotencyKey, Instant, lookedUpText, text, Uuid } from "../primitives.ts";
import { defineEndpoint, roles } from "./define.ts";

export const Username = z
  .string()
  .regex(/^[a-z0-9._-]{3,32}$/, "must be 3 to 32 of a-z, 0-9, dot, underscore and dash")
  .meta({ examples: ["customer"] });

export const User = z
  .object({
    id: Uuid,
    username: z.string(),
    displayName: z.string(),
    role: z.enum(roles),
    createdAt: Instant,
  })
  .meta({ id: "User" });
export type User = z.infer<typeof User>;

export const TokenPair = z
  .object({
    accessToken: z.string().meta({ description: "A JWT (at+jwt), sent as `Authorization: Bearer …`" }),
    tokenType: z.literal("Bearer"),
    expiresIn: z.int().meta({ description: "Seconds that the access token lives" }),
    refreshToken: z.string().meta({ description: "Good for one refresh" }),
  })
  .meta({ id: "TokenPair" });
export type TokenPair = z.infer<typeof TokenPair>;

export const NewPassword = z
  .string()
  .refine((value) => [...value].length >= 10 && [...value].length <= 200, { message: "must be 10 to 200 characters" })
  .meta({
    minLength: 10,
    maxLength: 200,
    description: "Not one of those that are known from leaks, and not the username",
  });

export const createUser = defineEndpoint({
  name: "createUser",
  service: "user",
  method: "POST",
  path: "/api/users",
  summary: "Sign up as a customer",
  access: "anyone",
  body: z.strictObject({ username: Username, password: NewPassword, displayName: text(100).optional() }),
  success: { status: 201, schema: User },
  refusals: { USERNAME_TAKEN: "The name is taken" },
});

/** A code of an authenticator app, or a recovery code. */
export const SecondFactorCode = lookedUpText(100).meta({
  description: "Six digits of the authenticator app, or a recovery code",
  examples: ["287082"],
});

export const login = defineEndpoint({
  name: "login",
  service: "user",
  method: "POST",
  path: "/login",
  summary: "Log in",
  access: "anyone",
  body: z.strictObject({
    username: lookedUpText(200),
    password: lookedUpText(1000),
    secondFactor: SecondFactorCode.optional(),
  }),
  success: { status: 200, schema: TokenPair },
  refusals: {
    INVALID_CREDENTIALS: "Wrong name or password",
    ACCOUNT_DISABLED: "The password is right, but an admin has disabled the user",
    SECOND_FACTOR_REQUIRED: "The password is right, and the user has a second factor: send a code of it as well",
    INVALID_SECOND_FACTOR: "The password is right, but the code is wrong, or was used",
    SECOND_FACTOR_SETUP_REQUIRED: "The password is right, but admins need a second factor: set one up first",
    TOO_MANY_FAILED_LOGINS: "Ten failures for this name within a minute",
  },
});

const RefreshToken = z.strictObject({ refreshToken: lookedUpText(500) });

export const refreshLogin = defineEndpoint({
  name: "refreshLogin",
  service: "user",
  method: "POST",
  path: "/login/refresh",
  summary: "Exchange a refresh token for a new pair",
  access: "anyone",
  headers: {
    "idempotency-key": IdempotencyKey.meta({
      description: "The same refresh token with the same key gives the same new one again, for 10 seconds",
    }),
  },
  body: RefreshToken,
  success: { status: 200, schema: TokenPair },
  refusals: {
    INVALID_REFRESH_TOKEN: "Unknown, expired or spent; a spent one ends every session that came from the same login",
  },
});

export const logout = defineEndpoint({
  name: "logout",
  service: "user",
  method: "POST",
  path: "/logout",
  summary: "End the session; the access token lives out its minutes",
  access: "anyone",
  body: RefreshToken,
  success: { status: 204, schema: undefined },
});

export const getMe = defineEndpoint({
  name: "getMe",
  service: "user",
  method: "GET",
  path: "/api/users/me",
  summary: "Who am I",
  access: roles,
  success: { status: 200, schema: User },
});

export const JsonWebKeySet = z
  .object({ keys: z.array(z.object({ kty: z.string(), kid: z.string(), alg: z.string(), use: z.string() }).loose()) })
  .meta({ id: "JsonWebKeySet" });

export const getKeys = defineEndpoint({
  name: "getKeys",
  service: "user",
  method: "GET",
  path: "/.well-known/jwks.json",
  summary: "The public keys that access tokens are signed with",
  access: "anyone",
  success: { status: 200, schema: JsonWebKeySet },
});
