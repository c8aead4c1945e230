import { expect, test } from "bun:test";
import { join } from "node:path";
import { REPOSITORY, trackedFiles } from "./repository.ts";

interface Term {
  readonly found: RegExp;
  /** The word of the field that is written in its place. */
  readonly instead: string;
  /** A text that has it, so that the expression is seen to find something. */
  readonly sample: string;
}

/** Words for mechanisms that an engineer of the field would have to translate. */
const TERMS: readonly Term[] = [
  { found: /\bin[-_ ]hand\b|[iI]nHand\b/, instead: "in-flight", sample: "the batch in hand" },
  { found: /\bdeadly\b|\bmortal\b|\bkillers?\b|\bdeaths?\b/i, instead: "poison message, crash", sample: "two deaths" },
  { found: /\bheld[- ]keys?\b|\bheldKeys?\b|HeldKeys?\b/, instead: "blocked key", sample: "watchHeldKeys()" },
  {
    found:
      /\bbur(?:y|ied|ies)\b|\b(?:(?<!to )the|whose) letters?\b|\b(?:held|holding|open|add|replay)Letters?\b|\bletterById\b/i,
    instead: "dead letter",
    sample: "await bury(message)",
  },
  { found: /\bundo(?:able|ne|es|ing)?\b|\bUndoable/i, instead: "compensate, revert", sample: "an undoable step" },
  {
    found: /\b(?:taken?|takes?|took|taking) (?:(?:it|the order|that|an order) )?back\b|\btake-?back\b/i,
    instead: "compensate, roll back, cancel",
    sample: "the order is taken back",
  },
  { found: /\bturns? (?:the saga )?round\b|[tT]urnRound/, instead: "compensate", sample: "canTurnRound()" },
  { found: /patience/i, instead: "retry policy, timeout, deadline", sample: "PATIENCE_MS" },
  { found: /\bask(?:Again|Anew)\b/, instead: "retry, retryNow", sample: "saga.askAnew()" },
  {
    found: /\btells? (?:the saga )?again|\btell[-_]?again|\btold (?:the saga )?again\b/i,
    instead: "republish",
    sample: "tell_again_at",
  },
  {
    found: /\bTell(?:Orders|Reservations|Deliveries)|(?:Orders|Reservations|Deliveries)Told\b|hear-?books/i,
    instead: "report",
    sample: "OrdersTold",
  },
  { found: /\bresend|\bpredecessor/i, instead: "broker-loss recovery, dead member", sample: "resending.ts" },
  { found: /\bbody-?room|\bstream-?places?\b|\blateness/i, instead: "budget, permit, lag", sample: "BodyRoom" },
  {
    found: /\bSurroundings\b|\bstartOrExplain\b|\bdoAndLeave\b|\binTime\b|\/in-time\b/,
    instead: "Environment, runMain, runOnce, withTimeout",
    sample: "startOrExplain(run)",
  },
  { found: /\briding\b|\bStanding\b|\bShelf\b/, instead: "delivery state, stock level", sample: "type Standing" },
  {
    found: /\bkeep-?house\b|\bshow-?me\b|\blegible\b/i,
    instead: "housekeeping, getMe, escapeInvisible",
    sample: "keepHouse()",
  },
  {
    found: /\bmischief|\btrouble|\bshopkeeper|\bharm(?:s|ed)?\b|\bplant(?:s|ed|ing)?\b/i,
    instead: "fault injector, fault rates, catalogue churn, fault, seeded",
    sample: "a planted bug",
  },
  { found: /\bprogress-?news\b|\bnote-?progress\b/i, instead: "progress event", sample: "noteProgress()" },
  {
    found: /\bcom(?:e|es|ing) off\b|\bgoodbye\b/i,
    instead: "succeed, the happy path",
    sample: "an order that comes off",
  },
];

/** What is not ours to word, and this list itself. */
const LEFT_OUT = /^(?:tests\/guards\/terms\.test\.ts|bun\.lock|LICENSE|patches\/.*|.*\.(?:png|svg))$/;

test.each(TERMS.map(({ sample, ...term }) => [sample, term] as const))("a guard finds %p", (sample, { found }) => {
  expect(sample).toMatch(found);
});

test("code and documents use the terms of the field", async () => {
  const paths = (await trackedFiles()).filter((path) => !LEFT_OUT.test(path));
  const hits: string[] = [];
  for (const path of paths) {
    const file = Bun.file(join(REPOSITORY, path));
    // A tracked file may have been deleted and not committed yet.
    const lines = [path, ...((await file.exists()) ? (await file.text()).split("\n") : [])];
    for (const [index, line] of lines.entries())
      for (const { found, instead } of TERMS) {
        const hit = found.exec(line);
        if (hit) hits.push(`${path}:${index}: "${hit[0]}": write ${instead}`);
      }
  }
  expect(paths.length).toBeGreaterThan(900);
  expect(hits).toEqual([]);
});
