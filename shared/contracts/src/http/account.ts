import { z } from "zod";
import { Instant } from "../primitives.ts";
import { defineEndpoint, roles } from "./define.ts";
import { pageOf, pageQuery } from "./page.ts";
import { User } from "./user.ts";

const Role = z.enum(roles);

/** Where mails to a user go. */
export const MailAddress = z
  .email("must be a mail address, such as rider@shop.example")
  .max(254)
  .meta({ examples: ["rider@shop.example"] });

/** A user as admins see them. */
export const Account = User.extend({
  disabledAt: Instant.nullable().meta({ description: "Since when the user cannot log in; null: they can" }),
  mailAddress: MailAddress.nullable().meta({ description: "Where one-time codes are sent; null: nowhere" }),
  hasPassword: z.boolean().meta({ description: "false: invited, and has not set one yet" }),
}).meta({ id: "Account" });
export type Account = z.infer<typeof Account>;

const NOT_FOUND = "There is no such user";

export const listUsers = defineEndpoint({
  name: "listUsers",
  service: "user",
  method: "GET",
  path: "/api/users",
  summary: "All users, newest first",
  access: ["admin"],
  query: pageQuery({
    role: Role.optional(),
    disabled: z.enum(["true", "false"]).optional(),
    username: z
      .string()
      .regex(/^[a-z0-9._-]{1,32}$/, "must be 1 to 32 of a-z, 0-9, dot, underscore and dash")
      .optional()
      .meta({ description: "How the name begins", examples: ["custom"] }),
  }),
  success: { status: 200, schema: pageOf(Account) },
});

export const getUser = defineEndpoint({
  name: "getUser",
  service: "user",
  method: "GET",
  path: "/api/users/{id}",
  summary: "One user",
  access: ["admin"],
  success: { status: 200, schema: Account },
  refusals: { NOT_FOUND },
});

export const changeUser = defineEndpoint({
  name: "changeUser",
  service: "user",
  method: "PATCH",
  path: "/api/users/{id}",
  summary:
    "Change a user's role, disable or enable them, after which their sessions end and access tokens live out their minutes; or where their mails go",
  access: ["admin"],
  body: z.strictObject({ role: Role, disabled: z.boolean(), mailAddress: MailAddress.nullable() }).partial(),
  success: { status: 200, schema: Account },
  refusals: { NOT_FOUND, LAST_ADMIN: "Nobody would be left who can change accounts" },
});
