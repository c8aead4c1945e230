import { z } from "zod";
import { processNames } from "../services.ts";
import { Instant } from "../primitives.ts";
import { defineEndpoint } from "./define.ts";

export const HealthStatus = z.enum(["UP", "IMPAIRED", "DOWN"]).meta({
  description:
    "UP: all of its checks are well. IMPAIRED: it answers, but something that it needs does not. DOWN: it does not answer within 2 s.",
});
export type HealthStatus = z.infer<typeof HealthStatus>;

export const HealthCheck = z.object({
  name: z.string().meta({ description: "What was looked at", examples: ["database"] }),
  ok: z.boolean(),
  detail: z.string().meta({ description: "`ok`, or what is wrong", examples: ["ok"] }),
});
export type HealthCheck = z.infer<typeof HealthCheck>;

/** As many rows as are counted for a health at most. */
export const COUNTED_AT_MOST = 100_000;

export const MessagingHealth = z.object({
  unsent: z.int().meta({ description: `Messages in its outbox, counted up to ${COUNTED_AT_MOST}` }),
  oldestUnsentSeconds: z
    .number()
    .meta({ description: "How long the oldest of them waits; minutes mean Kafka is away" }),
  deadLetters: z.int().meta({
    description: `Messages that it could not handle and that nobody has replayed, counted up to ${COUNTED_AT_MOST}`,
  }),
  lag: z.int().nullable().meta({
    description:
      "Records in its topics that none of its replicas has handled yet; null when Kafka does not tell in time",
  }),
});
export type MessagingHealth = z.infer<typeof MessagingHealth>;

export const HealthFinding = z
  .enum(["STUCK_SAGAS", "DRIFTING_ORDERS", "DRIFTING_PRODUCTS", "DEFERRED_MESSAGES", "UNREADABLE_PARTITIONS"])
  .meta({
    description:
      "STUCK_SAGAS: sagas that wait for an operator. DRIFTING_ORDERS: orders on which the services do not agree. DRIFTING_PRODUCTS: products whose stock is not explained by their books. DEFERRED_MESSAGES: messages that wait for a row which another session has locked. UNREADABLE_PARTITIONS: partitions of Kafka that stand still because their next batch cannot be unpacked.",
  });
export type HealthFinding = z.infer<typeof HealthFinding>;

const AnsweringProcess = z.object({
  service: z.enum(processNames),
  status: HealthStatus.extract(["UP", "IMPAIRED"]),
  release: z.string().meta({ description: "What it was built as", examples: ["1.4.0"] }),
  instance: z.string().meta({
    description: "Which of its replicas has answered: its machine or container, and its process id",
    examples: ["order-1/7"],
  }),
  startedAt: Instant,
  checks: z.array(HealthCheck),
  messaging: MessagingHealth.nullable().meta({
    description: "Null for a process without messages, and while its database does not answer",
  }),
  findings: z.array(z.object({ finding: HealthFinding, count: z.int() })).meta({
    description: "What it watches for besides, as it was found last; 0 is well. Empty until it has looked",
  }),
});

const SilentProcess = z.object({
  service: z.enum(processNames),
  status: HealthStatus.extract(["DOWN"]),
  detail: z.string().meta({ examples: ["order refuses connections"] }),
});

export const ProcessHealth = z
  .discriminatedUnion("status", [AnsweringProcess, SilentProcess])
  .meta({ id: "ProcessHealth" });
export type ProcessHealth = z.infer<typeof ProcessHealth>;

export const Health = z
  .object({
    status: HealthStatus.meta({ description: "That of the process that is the worst off" }),
    at: Instant,
    services: z.array(ProcessHealth),
  })
  .meta({ id: "Health" });
export type Health = z.infer<typeof Health>;

export const getHealth = defineEndpoint({
  name: "getHealth",
  service: "all",
  method: "GET",
  path: "/api/health",
  summary: "How every process of the system is, one replica of each; the answer comes within 2 s, whoever is away",
  access: ["admin"],
  success: { status: 200, schema: Health },
});
