/**
 * Where messages travel: the topics that a service owns, and those that it reads. Events are written by their owner, commands by the one service that
 * gives them: each topic has one sender, so that the topic shows who a message comes from.
 */
interface Topics {
  readonly owns: readonly string[];
  readonly reads: readonly string[];
}

interface ServiceFacts {
  /** The public port unless it is told otherwise; its management port is `MANAGEMENT_PORT_OFFSET` above. */
  readonly port: number;
  /** The database that it owns and nothing else reaches; null for one without. */
  readonly database: string | null;
  /** Null for one that takes no part in the messaging. */
  readonly topics: Topics | null;
  /** What it does in the saga of an order; null when it has no part in it. */
  readonly saga: string | null;
}

/**
 * Every process of the system, in the order in which a request comes through them. What is derived from it needs no other list;
 * what cannot be (compose, Kubernetes, Terraform, scripts, Prometheus, the Dockerfile) is compared with it by `tests/guards/services.test.ts`.
 */
export const services = {
  frontend: { port: 8080, database: null, topics: null, saga: null },
  gateway: { port: 8000, database: null, topics: null, saga: null },
  user: { port: 8001, database: "user", topics: null, saga: null },
  order: {
    port: 8002,
    database: "order",
    topics: {
      owns: ["order.events", "order.commands"],
      reads: ["order.commands", "product.events", "delivery.events"],
    },
    saga: "begins it with an order, and completes or cancels the order at its end",
  },
  product: {
    port: 8003,
    database: "product",
    topics: {
      owns: ["product.events", "product.commands", "product.requests"],
      reads: ["product.commands", "product.requests"],
    },
    saga: "takes the stock, and gives it back",
  },
  delivery: {
    port: 8004,
    database: "delivery",
    topics: { owns: ["delivery.events", "delivery.commands"], reads: ["delivery.commands"] },
    saga: "creates the delivery, and says what became of it",
  },
  orchestrator: {
    port: 8005,
    database: "orchestrator",
    topics: { owns: [], reads: ["order.events", "product.events", "delivery.events"] },
    saga: "drives it from its first step to its last",
  },
} as const satisfies Readonly<Record<string, ServiceFacts>>;

type Services = typeof services;
/** Any process. */
export type ProcessName = keyof Services;
/** One that owns a database, and answers calls that the gateway forwards to it. */
export type ServiceName = {
  [Name in ProcessName]: Services[Name]["database"] extends string ? Name : never;
}[ProcessName];
/** One that takes part in the messaging. */
export type ParticipantName = {
  [Name in ProcessName]: Services[Name]["topics"] extends null ? never : Name;
}[ProcessName];
export type Topic = Exclude<Services[ProcessName]["topics"], null>["owns"][number];

export const MANAGEMENT_PORT_OFFSET = 1_000;

export const processNames = Object.keys(services) as readonly ProcessName[];
export const serviceNames = processNames.filter((name): name is ServiceName => services[name].database !== null);
export const participants = processNames.filter((name): name is ParticipantName => services[name].topics !== null);
export const topics: readonly Topic[] = participants.flatMap((name): readonly Topic[] => services[name].topics.owns);
