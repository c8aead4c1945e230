import { escapeInvisible } from "@shop/client/escape-invisible";
import { AuditAction, AuditedService } from "@shop/contracts/http/audit";
import type { Shop } from "@shop/client/shop";
import { type Command, everyItem, type Given, IncompleteError, LIMIT, oneOf, type Row } from "./command.ts";
import { RANGE, rangeOf } from "./filters.ts";
import { userNamed } from "./users.ts";

type Page = Awaited<ReturnType<Shop["listAuditEntries"]>>;
type Entry = Page["items"][number];

/** Of the caller's choice: nothing of it may steer the terminal, and each is one line of a table. */
const inOneLine = (text: string) => escapeInvisible(text).replaceAll(/\s+/g, " ");

const entryRow = (entry: Entry): Row => ({
  shown: {
    AT: entry.at,
    SERVICE: entry.service,
    ACTION: entry.action,
    SUBJECT: inOneLine(entry.subject.id ?? ""),
    ACTOR: entry.actor?.id ?? "",
    ADDRESS: entry.clientAddress ?? "",
    PROGRAM: inOneLine(entry.userAgent ?? ""),
  },
  whole: entry,
});

const named = (shop: Shop, name: string | undefined) =>
  name === undefined ? undefined : userNamed(shop, { words: [name], options: {}, flags: new Set() });

async function filterOf(shop: Shop, { options }: Given) {
  const { from, to: until } = rangeOf(options);
  return {
    service: oneOf("service", options["service"], AuditedService.options),
    action: oneOf("action", options["action"], AuditAction.options),
    subjectId: (await named(shop, options["name"]))?.id ?? options["subject"],
    actorId: (await named(shop, options["by"]))?.id,
    from,
    until,
  };
}

/** Who did what, in all services. */
export const auditCommands: readonly Command[] = [
  {
    name: "audit",
    options: {
      "--service <name>": `one of ${AuditedService.options.join(", ")}`,
      "--action <action>": "such as PRODUCT_CHANGED; an unknown one is answered with all there are",
      "--name <name>": "only what was done to this user",
      "--subject <id>": "only what was done to this, such as an order or a product",
      "--by <name>": "only what this user did",
      ...RANGE,
      ...LIMIT,
    },
    summary: "The audit trail: who did what, when and from where, in all services, newest first.",
    example: "audit --service product --from 1d",
    async *run(shop, given) {
      const filter = await filterOf(shop, given);
      const silent = new Set<string>();
      const read = async (page: { limit: number; cursor?: string }): Promise<Page> => {
        const answer = await shop.listAuditEntries({ ...page, ...filter });
        for (const name of answer.unavailable) silent.add(name);
        return answer;
      };
      for await (const entry of everyItem(given.options, read)) yield entryRow(entry);
      if (silent.size > 0) throw new IncompleteError(`No answer from: ${[...silent].join(", ")}.`);
    },
  },
];
