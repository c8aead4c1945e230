import { z } from "zod";
import { Instant, lookedUpText, text } from "../primitives.ts";
import { Account, MailAddress } from "./account.ts";
import { defineEndpoint, roles } from "./define.ts";
import { NewPassword, Username } from "./user.ts";

const code = z.string().meta({
  description: "Shown this once: the user sets their password with it",
  examples: ["7K2MX-QW9RT-4HNPC-VB8DZ"],
});
const mailed = z.boolean().meta({
  description: "Whether the code is also on its way by mail: the user has a mail address, and mails are set up",
});
const codeExpiresAt = Instant.meta({ description: "When the code ends: 24 hours from now" });

export const inviteUser = defineEndpoint({
  name: "inviteUser",
  service: "user",
  method: "POST",
  path: "/api/invitations",
  summary: "Create a user of any role, who sets their own password with a one-time code",
  access: ["admin"],
  body: z.strictObject({
    username: Username,
    displayName: text(100).optional(),
    role: z.enum(roles),
    mailAddress: MailAddress.optional(),
  }),
  success: { status: 201, schema: z.object({ user: Account, code, codeExpiresAt, mailed }) },
  refusals: { USERNAME_TAKEN: "The name is taken" },
});

export const issuePasswordCode = defineEndpoint({
  name: "issuePasswordCode",
  service: "user",
  method: "POST",
  path: "/api/users/{id}/password-code",
  summary: "Make a one-time code with which a user sets a new password; an earlier one ends",
  access: ["admin"],
  success: { status: 201, schema: z.object({ code, codeExpiresAt, mailed }) },
  refusals: { NOT_FOUND: "There is no such user" },
});

export const resetPassword = defineEndpoint({
  name: "resetPassword",
  service: "user",
  method: "POST",
  path: "/api/password-resets",
  summary: "Set a password with a one-time code; all sessions of the user end",
  access: "anyone",
  body: z.strictObject({
    username: lookedUpText(200),
    code: lookedUpText(100).meta({ examples: ["7K2MX-QW9RT-4HNPC-VB8DZ"] }),
    newPassword: NewPassword.meta({ examples: ["four words and a lamp"] }),
  }),
  success: { status: 204, schema: undefined },
  refusals: {
    INVALID_CODE: "The code is not of this user, was used, was replaced by another, or has ended",
    ACCOUNT_DISABLED: "The code is good, but an admin has disabled the user",
  },
});

export const changePassword = defineEndpoint({
  name: "changePassword",
  service: "user",
  method: "PUT",
  path: "/api/users/me/password",
  summary: "Change one's own password; all other sessions end",
  access: roles,
  body: z.strictObject({
    currentPassword: lookedUpText(1000).meta({ examples: ["customer-password"] }),
    newPassword: NewPassword.meta({ examples: ["four words and a lamp"] }),
  }),
  success: { status: 204, schema: undefined },
  refusals: {
    WRONG_PASSWORD: "The current password is wrong",
    TOO_MANY_FAILED_LOGINS: "Ten failures for this user within a minute",
  },
});
