import type { Shop } from "@shop/client/shop";
import type { Command, Row } from "./command.ts";

type ProcessHealth = Awaited<ReturnType<Shop["getHealth"]>>["services"][number];

function healthRow(process: ProcessHealth): Row {
  const { service, status } = process;
  const nothing = { SERVICE: service, STATUS: status, RELEASE: "", UNSENT: "", LAG: "", DEAD: "" };
  if (process.status === "DOWN") return { shown: { ...nothing, WHY: process.detail }, whole: process, isBad: true };
  const { messaging, findings, release, checks } = process;
  const found = findings.filter(({ count }) => count > 0).map(({ finding, count }) => `${count} ${finding}`);
  const failed = checks.filter(({ ok }) => !ok).map(({ name, detail }) => `${name}: ${detail}`);
  const shown = {
    ...nothing,
    RELEASE: release,
    UNSENT: String(messaging?.unsent ?? ""),
    LAG: String(messaging?.lag ?? ""),
    DEAD: String(messaging?.deadLetters ?? ""),
    WHY: [...failed, ...found].join("; "),
  };
  return { shown, whole: process, isBad: status !== "UP" };
}

/** The state of the whole: its processes, its messages, its books. */
export const healthCommands: readonly Command[] = [
  {
    name: "health",
    takes: "",
    summary:
      "Every process: its release, unsent messages, lag, open dead letters, and what the audits of the books found.",
    example: "health",
    async *run(shop) {
      for (const process of (await shop.getHealth()).services) yield healthRow(process);
    },
  },
  {
    name: "lag",
    takes: "",
    summary: "What waits between the services: unsent messages, since when, and messages that nobody has handled yet.",
    example: "lag",
    async *run(shop) {
      for (const process of (await shop.getHealth()).services) {
        if (process.status === "DOWN" || process.messaging === null) continue;
        const { unsent, oldestUnsentSeconds, lag, deadLetters } = process.messaging;
        yield {
          shown: {
            SERVICE: process.service,
            UNSENT: String(unsent),
            OLDEST: unsent === 0 ? "" : `${oldestUnsentSeconds.toFixed(1)} s`,
            LAG: lag === null ? "unknown" : String(lag),
            DEAD: String(deadLetters),
          },
          whole: { service: process.service, ...process.messaging },
        };
      }
    },
  },
  {
    name: "books",
    takes: "",
    summary:
      "What the audits found last: sagas that are stuck, orders and products that do not add up. Leaves with 1 if any.",
    example: "books",
    async *run(shop) {
      for (const process of (await shop.getHealth()).services) {
        if (process.status === "DOWN") continue;
        for (const { finding, count } of process.findings) {
          yield {
            shown: { FINDING: finding, COUNT: String(count), BY: process.service },
            whole: { finding, count, by: process.service },
            isBad: count > 0,
          };
        }
      }
    },
  },
];
