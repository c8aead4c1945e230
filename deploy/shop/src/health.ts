import { participants } from "@shop/contracts/services";
import type { Shop } from "@shop/client/shop";
import { type Command, IncompleteError, type Row } from "./command.ts";

type ProcessHealth = Awaited<ReturnType<Shop["getHealth"]>>["services"][number];
type Answering = Exclude<ProcessHealth, { status: "DOWN" }>;

/** Comes and goes by itself: messages whose row another transaction has locked. */
const PASSING: readonly Answering["findings"][number]["finding"][] = ["DEFERRED_MESSAGES"];

function healthRow(process: ProcessHealth): Row {
  const { service, status } = process;
  const nothing = { SERVICE: service, STATUS: status, RELEASE: "", UNSENT: "", LAG: "", DEAD: "" };
  if (process.status === "DOWN") return { shown: { ...nothing, WHY: process.detail }, whole: process, isBad: true };
  const { messaging, findings, release, checks } = process;
  const found = findings.filter(({ count }) => count > 0);
  const failed = checks.filter(({ ok }) => !ok).map(({ name, detail }) => `${name}: ${detail}`);
  const open = messaging?.deadLetters ?? 0;
  const shown = {
    ...nothing,
    RELEASE: release,
    UNSENT: String(messaging?.unsent ?? ""),
    LAG: String(messaging?.lag ?? ""),
    DEAD: String(messaging?.deadLetters ?? ""),
    WHY: [
      ...failed,
      ...found.map(({ finding, count }) => `${count} ${finding}`),
      ...(open > 0 ? [`${open} open dead letters`] : []),
    ].join("; "),
  };
  const needsOperator = open > 0 || found.some(({ finding }) => !PASSING.includes(finding));
  return { shown, whole: process, isBad: status !== "UP" || needsOperator };
}

/**
 * What the processes that answer have to say.
 * @param lacksIn what is missing of one that answers
 * @throws IncompleteError at the end, naming those whose part is missing
 */
async function* ofEach(
  shop: Shop,
  rowsOf: (process: Answering) => Iterable<Row>,
  lacksIn: (process: Answering) => boolean = () => false,
): AsyncGenerator<Row> {
  const missing: string[] = [];
  for (const process of (await shop.getHealth()).services) {
    if (process.status === "DOWN") missing.push(`${process.service} (${process.detail})`);
    else if (lacksIn(process)) missing.push(`${process.service} (its database does not answer)`);
    else yield* rowsOf(process);
  }
  if (missing.length > 0) throw new IncompleteError(`No answer from ${missing.join(", ")}: its part is missing.`);
}

function* lagRows({ service, messaging }: Answering): Generator<Row> {
  if (messaging === null) return;
  const { unsent, oldestUnsentSeconds, lag, deadLetters } = messaging;
  yield {
    shown: {
      SERVICE: service,
      UNSENT: String(unsent),
      OLDEST: unsent === 0 ? "" : `${oldestUnsentSeconds.toFixed(1)} s`,
      LAG: lag === null ? "unknown" : String(lag),
      DEAD: String(deadLetters),
    },
    whole: { service, ...messaging },
    isBad: deadLetters > 0,
  };
}

function* findingRows({ service, findings }: Answering): Generator<Row> {
  for (const { finding, count } of findings) {
    yield {
      shown: { FINDING: finding, COUNT: String(count), BY: service },
      whole: { finding, count, by: service },
      isBad: count > 0,
    };
  }
}

/** The state of the whole: its processes, its messages, its books. */
export const healthCommands: readonly Command[] = [
  {
    name: "health",
    summary:
      "Every process: its release, unsent messages, lag, open dead letters, and what the audits of the books found. Exit code 1 when one is down or impaired, or something waits for an operator.",
    example: "health",
    async *run(shop) {
      for (const process of (await shop.getHealth()).services) yield healthRow(process);
    },
  },
  {
    name: "lag",
    summary: "What waits between the services: unsent messages, since when, and messages that nobody has handled yet.",
    example: "lag",
    run: (shop) =>
      ofEach(
        shop,
        lagRows,
        ({ service, messaging }) => messaging === null && participants.some((name) => name === service),
      ),
  },
  {
    name: "books",
    summary:
      "What the audits found last: sagas that are stuck, orders and products that do not add up. Exit code 1 if any.",
    example: "books",
    run: (shop) => ofEach(shop, findingRows),
  },
];
