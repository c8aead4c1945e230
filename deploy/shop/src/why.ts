import { escapeInvisible } from "@shop/client/escape-invisible";
import type { Shop } from "@shop/client/shop";
import { type Command, type Given, idOf, type Row } from "./command.ts";

type Explanation = Awaited<ReturnType<Shop["explainOrder"]>>;

const inOneLine = (text: string) => escapeInvisible(text).replaceAll(/\s+/g, " ");

function* rowsOf(explanation: Explanation): Generator<Row> {
  const { verdict, isStuck, text, story, services, traceId, traceUrl } = explanation;
  const row = (about: string, says: string): Row => ({
    shown: { ABOUT: about, SAYS: inOneLine(says) },
    whole: explanation,
  });
  yield row("verdict", isStuck ? `${verdict}, stuck` : verdict);
  yield row("happened", text.happened);
  yield row("waits for", text.waitsFor);
  yield row("next", text.next);
  yield row("who can act", text.who);
  yield row("trace", traceUrl ?? traceId ?? "");
  for (const service of services) {
    if (service.status === "DOWN") yield row(service.service, `does not answer: ${service.detail}`);
    else {
      const { problems, unsent, lag, deadLetters } = service;
      const facts = [
        ...problems,
        `${unsent} unpublished`,
        lag === null ? "lag not known" : `lag ${lag}`,
        `${deadLetters.length} dead letters of it`,
      ];
      yield row(service.service, facts.join(", "));
    }
  }
  for (const { at, service, step, message, what, times } of story)
    yield row(
      at,
      [service, step ?? "", message ?? "", what, times > 1 ? `(${times} times)` : ""].filter(Boolean).join(" · "),
    );
}

/** Why an order stands where it stands. */
export const whyCommands: readonly Command[] = [
  {
    name: "why",
    words: ["<order>"],
    summary:
      "Why an order stands where it stands: what happened, what it waits for and since when, what comes next, and who can act; with its trace and its messages.",
    example: "why 0193b3c8-0000-7000-8000-000000000001",
    async *run(shop, given: Given) {
      yield* rowsOf(await shop.explainOrder(idOf(given, "order")));
    },
  },
];
