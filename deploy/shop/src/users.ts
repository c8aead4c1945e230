import type { Shop } from "@shop/client/shop";
import { type Command, everyItem, type Given, LIMIT, oneOf, type Row, UsageError } from "./command.ts";

type Account = Awaited<ReturnType<Shop["getUser"]>>;

const ROLES = ["customer", "rider", "admin"] as const;
const STATES = ["enabled", "disabled"] as const;

const userRow = (user: Account): Row => ({
  shown: {
    USER: user.id,
    NAME: user.username,
    ROLE: user.role,
    STATE: user.disabledAt === null ? (user.hasPassword ? "enabled" : "invited") : "disabled",
    SINCE: user.createdAt,
  },
  whole: user,
});

const codeRow = (username: string, given: { readonly code: string; readonly codeExpiresAt: string }): Row => ({
  shown: { NAME: username, CODE: given.code, UNTIL: given.codeExpiresAt },
  whole: given,
});

function nameOf({ words: [name] }: Given): string {
  if (name === undefined) throw new UsageError("Which user? Give the name.");
  return name;
}

/** The user with exactly this name. */
export async function userNamed(shop: Shop, given: Given): Promise<Account> {
  const username = nameOf(given);
  for await (const user of everyItem({ limit: "1000" }, (page) => shop.listUsers({ ...page, username })))
    if (user.username === username) return user;
  throw new UsageError(`There is no user ${username}.`);
}

/** Accounts: who there is, who may what, and what was done to them. */
export const userCommands: readonly Command[] = [
  {
    name: "users",
    options: {
      "--role <role>": `one of ${ROLES.join(", ")}`,
      "--state <state>": `one of ${STATES.join(", ")}`,
      ...LIMIT,
    },
    summary: "The newest users.",
    example: "users --role rider",
    async *run(shop, { options }) {
      const role = oneOf("role", options["role"], ROLES);
      const state = oneOf("state", options["state"], STATES);
      const disabled = state === "disabled" ? "true" : "false";
      const filters = {
        ...(role === undefined ? {} : { role }),
        ...(state === undefined ? {} : ({ disabled } as const)),
      };
      for await (const user of everyItem(options, (page) => shop.listUsers({ ...page, ...filters })))
        yield userRow(user);
    },
  },
  {
    name: "invite",
    words: ["<name>"],
    options: {
      "--role <role>": `one of ${ROLES.join(", ")}; rider by default`,
      "--mail <address>": "where the code is also sent, if mails are set up",
    },
    summary: "Make a user, who sets a password with the one-time code that is shown.",
    example: "invite new.rider --role rider",
    async *run(shop, given) {
      const username = nameOf(given);
      const role = oneOf("role", given.options["role"], ROLES) ?? "rider";
      const mailAddress = given.options["mail"];
      yield codeRow(
        username,
        await shop.inviteUser({ username, role, ...(mailAddress === undefined ? {} : { mailAddress }) }),
      );
    },
  },
  {
    name: "password-code",
    words: ["<name>"],
    summary: "A one-time code with which a user sets a new password.",
    example: "password-code rider",
    async *run(shop, given) {
      const { id, username } = await userNamed(shop, given);
      yield codeRow(username, await shop.issuePasswordCode(id));
    },
  },
  {
    name: "change-user",
    words: ["<name>"],
    options: {
      "--role <role>": `one of ${ROLES.join(", ")}`,
      "--state <state>": `one of ${STATES.join(", ")}`,
    },
    summary: "Give a user another role, disable or enable them. Their sessions end.",
    example: "change-user rider2 --state disabled",
    async *run(shop, given) {
      const role = oneOf("role", given.options["role"], ROLES);
      const state = oneOf("state", given.options["state"], STATES);
      if (role === undefined && state === undefined) throw new UsageError("Change what? Give --role or --state.");
      const { id } = await userNamed(shop, given);
      const change = {
        ...(role === undefined ? {} : { role }),
        ...(state === undefined ? {} : { disabled: state === "disabled" }),
      };
      yield userRow(await shop.changeUser(id, change));
    },
  },
];
