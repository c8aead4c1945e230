import { escapeInvisible } from "@shop/client/escape-invisible";
import type { Shop } from "@shop/client/shop";
import { participants } from "@shop/contracts/services";
import {
  type Command,
  everyItem,
  type Given,
  idOf,
  IncompleteError,
  LIMIT,
  oneOf,
  type Row,
  UsageError,
} from "./command.ts";
import { TIMES, timesOf } from "./filters.ts";

type DeadLetter = Awaited<ReturnType<Shop["listDeadLetters"]>>["items"][number];
type Replayed = Awaited<ReturnType<Shop["replayDeadLetter"]>>;

const CAUSES = [
  ...["EMPTY", "NO_KEY", "NOT_JSON", "NOT_A_CLOUD_EVENT", "UNKNOWN_TYPE", "UNKNOWN_VERSION"],
  ...["WRONG_TOPIC", "INVALID_DATA", "REFUSED", "HANDLER_FAILED", "PROCESS_KILLED", "PARKED"],
] as readonly DeadLetter["cause"][];
export const DEAD_LETTER_FILTERS = {
  "--service <name>": `one of ${participants.join(", ")}`,
  "--cause <cause>": `one of ${CAUSES.join(", ")}`,
  "--key <key>": "of the message: an order's id as a rule",
} as const;
const DRY_RUN = { "--dry-run": "does all of it, and rolls it back" } as const;
/** With these a message is no dead letter any more. */
const ENDS: readonly Replayed["outcome"][] = ["APPLIED", "KNOWN", "NOT_HANDLED"];
/** How far back one is looked for by its id. */
const LOOKED_THROUGH = { limit: "1000" };

/** Messages are whatever anybody wrote: nothing of them may steer the terminal, and each is one line of a table. */
const inOneLine = (text: string) => escapeInvisible(text).replaceAll(/\s+/g, " ");

const isOpen = ({ replayedAt }: DeadLetter) => replayedAt === null;

const letterRow = (deadLetter: DeadLetter): Row => ({
  shown: {
    LETTER: deadLetter.id,
    SERVICE: deadLetter.service,
    CAUSE: deadLetter.cause,
    TYPE: inOneLine(deadLetter.type ?? ""),
    FAILED: deadLetter.failedAt,
    HANDLED: deadLetter.replayedAt ?? "",
  },
  whole: deadLetter,
  isBad: isOpen(deadLetter),
});

function* factsOf(deadLetter: DeadLetter): Generator<Row> {
  const { payload, headers, partition, offset, ...facts } = deadLetter;
  const lines = payload === null ? ["(none)"] : escapeInvisible(readable(payload)).split("\n");
  const shown: readonly (readonly [string, string])[] = [
    ...Object.entries(facts).map(([name, value]) => [name, inOneLine(value ?? "")] as const),
    ["record", `partition ${partition}, offset ${offset}`],
    ...Object.entries(headers).map(([name, value]) => [`header ${inOneLine(name)}`, inOneLine(value)] as const),
    ...lines.map((line, index) => [index === 0 ? "payload" : "", line] as const),
  ];
  for (const [name, value] of shown) yield { shown: { FACT: name, VALUE: value }, whole: deadLetter };
}

/** JSON as people read it; whatever else as it came, and what is no text in Base64. */
function readable({ encoding, text, bytes }: NonNullable<DeadLetter["payload"]>): string {
  if (encoding === "base64") return `${bytes} bytes, as Base64: ${text}`;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}

function outcomeRow(replayed: Replayed): Row {
  const { id, service, outcome, dryRun, detail } = replayed;
  const shown = { LETTER: id, SERVICE: service, OUTCOME: outcome, EFFECT: dryRun ? "none" : "kept" };
  return {
    shown: { ...shown, BEHIND: String(replayed.released), DETAIL: inOneLine(detail ?? "") },
    whole: replayed,
    isBad: !ENDS.includes(outcome),
  };
}

export function deadLetterFilter(options: Given["options"]) {
  const service = oneOf("service", options["service"], participants);
  const cause = oneOf("cause", options["cause"], CAUSES);
  const { key } = options;
  return {
    ...(service === undefined ? {} : { service }),
    ...(cause === undefined ? {} : { cause }),
    ...(key === undefined ? {} : { key }),
  };
}

/**
 * Those that the filters let through, newest first.
 * @throws IncompleteError at their end, when a service did not answer
 */
async function* deadLetters(
  shop: Shop,
  options: Given["options"],
  narrowing: Pick<NonNullable<Parameters<Shop["listDeadLetters"]>[0]>, "from" | "to" | "sort" | "state">,
  isWanted?: (deadLetter: DeadLetter) => boolean,
) {
  const filters = { ...deadLetterFilter(options), ...narrowing };
  const silent = new Set<string>();
  async function read(page: { limit: number; cursor?: string }) {
    const { unavailable, ...rest } = await shop.listDeadLetters({ ...page, ...filters });
    for (const name of unavailable) silent.add(name);
    return rest;
  }
  yield* everyItem(options, read, isWanted);
  if (silent.size > 0)
    throw new IncompleteError(`No answer from ${[...silent].join(", ")}: what they hold is missing.`);
}

/** Messages that a service could not handle: to read, to try without effect, to handle. */
export const deadLetterCommands: readonly Command[] = [
  {
    name: "dead-letters",
    options: { ...DEAD_LETTER_FILTERS, "--handled": "those that were handled meanwhile, too", ...TIMES, ...LIMIT },
    summary:
      "Messages that could not be handled, and those that wait behind one (PARKED). Exit code 1 when one is open.",
    example: "dead-letters --service product --cause HANDLER_FAILED",
    async *run(shop, call) {
      const state = call.flags.has("handled") ? {} : ({ state: "OPEN" } as const);
      const narrowing = { ...timesOf(call), ...state };
      for await (const deadLetter of deadLetters(shop, call.options, narrowing)) yield letterRow(deadLetter);
    },
  },
  {
    name: "dead-letter",
    words: ["<letter>"],
    summary: "One of them, whole: why, from where, its headers and what it says.",
    example: "dead-letter 0193b3c8-0000-7000-8000-000000000003",
    async *run(shop, given) {
      const id = idOf(given, "dead letter");
      for await (const deadLetter of deadLetters(shop, LOOKED_THROUGH, {}, (each) => each.id === id)) {
        yield* factsOf(deadLetter);
        return;
      }
      throw new UsageError(`There is no dead letter ${id} among the newest ${LOOKED_THROUGH.limit}.`);
    },
  },
  {
    name: "replay",
    words: ["<letter>"],
    options: DRY_RUN,
    summary: "Handles a message again, through the inbox: at most once; then those that wait behind it.",
    example: "replay 0193b3c8-0000-7000-8000-000000000003 --dry-run",
    async *run(shop, given) {
      const dryRun = given.flags.has("dry-run");
      yield outcomeRow(await shop.replayDeadLetter(idOf(given, "dead letter"), { dryRun }));
    },
  },
  {
    name: "replay-all",
    options: { ...DEAD_LETTER_FILTERS, "--ids <ids>": "only these, with commas between them", ...DRY_RUN },
    summary: "Handles all that the filters let through, the oldest first and each key's in their order.",
    example: "replay-all --cause HANDLER_FAILED --dry-run",
    async *run(shop, { options, flags }) {
      const silent = new Set<string>();
      const ids = options["ids"]?.split(",").map((id) => id.trim());
      const asked = { ...deadLetterFilter(options), ...(ids && { ids }), dryRun: flags.has("dry-run") };
      for (let cursor: string | null | undefined; cursor !== null;) {
        const done: ReplayedMany = await shop.replayDeadLetters({
          ...asked,
          ...(cursor === undefined ? {} : { cursor }),
        });
        for (const name of done.unavailable) silent.add(name);
        yield* countRows(done);
        cursor = done.nextCursor;
      }
      if (silent.size > 0) throw new IncompleteError(`No answer from ${[...silent].join(", ")}.`);
    },
  },
];

type ReplayedMany = Awaited<ReturnType<Shop["replayDeadLetters"]>>;

function* countRows(done: ReplayedMany): Generator<Row> {
  for (const [outcome, count] of Object.entries(done.outcomes) as [Replayed["outcome"], number][]) {
    const shown = { OUTCOME: outcome, COUNT: String(count), EFFECT: done.dryRun ? "none" : "kept" };
    yield { shown, whole: done, isBad: !ENDS.includes(outcome) };
  }
}
