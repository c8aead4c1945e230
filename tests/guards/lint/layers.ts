import { participants } from "@shop/contracts/services";

/**
 * What the files of one layer may import; whatever is not named is refused.
 * A path that ends in a slash stands for everything below it. `./` is the `src` folder of the package that the file belongs to.
 */
export interface Layer {
  /** How a report calls it. */
  readonly name: string;
  /** Its files, by their path from the root of the repository. */
  readonly files: RegExp;
  /** Modules of ours, by their path from the root of the repository. */
  readonly modules: readonly string[];
  /** The same for `import type`, which leaves nothing behind at run time. */
  readonly types?: readonly string[];
  /** Packages of others, their submodules included. "any" leaves it to what the package declares. */
  readonly packages: readonly string[] | "any";
  /** Whether it may import what packages keep for tests, in `src/testing/`. */
  readonly isTest?: true;
}

/** The folder of a package that holds what only tests use. */
export const TEST_SUPPORT = /^(?:shared|services|deploy)\/[^/]+\/src\/testing\//;

const ANY = "any";
const PLATFORM = ["bun", "node:"];
const shared = (...names: readonly string[]) => names.map((name) => `shared/${name}/src/`);
const ALL_SHARED = shared("contracts", "runtime", "database", "http", "messaging", "service", "docs");
/** What a program outside of the system uses, pages among them. */
const CLIENT = shared("client");

/** What runs, checks and operates the system on one machine. */
const DEPLOY = ["deploy/books/", "deploy/check/", "deploy/local/", "deploy/shop/"];

const PARTICIPANTS = participants.flatMap((name) => [
  `services/${name}/src/service.ts`,
  `services/${name}/src/saga/`,
  `services/${name}/src/sagas/`,
]);

/** The first layer that fits a file is its layer. A file that fits none may import nothing. */
export const LAYERS: readonly Layer[] = [
  {
    name: "the simulator",
    files: /^tests\/sim\//,
    // The services themselves, which it runs in one process.
    modules: ["tests/", ...ALL_SHARED, ...shared("testing"), ...DEPLOY, ...PARTICIPANTS],
    packages: ANY,
    isTest: true,
  },
  {
    name: "a test",
    files: /^tests\/|\.test\.tsx?$|\/src\/testing\//,
    modules: ["./", ...ALL_SHARED, ...CLIENT, ...shared("testing"), ...DEPLOY],
    packages: ANY,
    isTest: true,
  },
  {
    name: "shared/testing",
    files: /^shared\/testing\//,
    modules: ["./", ...ALL_SHARED, "deploy/local/"],
    packages: ANY,
    isTest: true,
  },
  {
    name: "deploy/",
    files: /^deploy\//,
    modules: ["./", "deploy/books/", "deploy/local/", ...ALL_SHARED, ...CLIENT],
    packages: ANY,
  },
  { name: "the settings of migrations", files: /\/drizzle\.config\.ts$/, modules: [], packages: ["drizzle-kit"] },

  { name: "shared/contracts", files: /^shared\/contracts\//, modules: ["./"], packages: ["zod"] },
  {
    name: "shared/client",
    files: /^shared\/client\//,
    // It runs in browsers as well: no schemas, and nothing of Bun's or Node's.
    modules: ["./", "shared/runtime/src/backoff.ts", "shared/runtime/src/clock.ts"],
    types: shared("contracts"),
    packages: ["zod"],
  },
  {
    // Loaded only where traces are exported: nothing else may import OpenTelemetry.
    name: "the export of traces",
    files: /^shared\/runtime\/src\/otlp[\w-]*\.ts$/,
    modules: ["./"],
    packages: [
      "@opentelemetry/api",
      "@opentelemetry/exporter-trace-otlp-http",
      "@opentelemetry/resources",
      "@opentelemetry/sdk-trace",
    ],
  },
  {
    name: "shared/runtime",
    files: /^shared\/runtime\//,
    modules: ["./"],
    packages: ["prom-client", "zod", ...PLATFORM],
  },
  {
    name: "shared/database",
    files: /^shared\/database\//,
    modules: ["./", ...shared("contracts", "runtime")],
    packages: ["drizzle-orm", "postgres", ...PLATFORM],
  },
  {
    name: "shared/http",
    files: /^shared\/http\//,
    modules: ["./", ...shared("contracts", "runtime")],
    packages: ["@hono/zod-validator", "hono", "ipaddr.js", "zod", ...PLATFORM],
  },
  {
    name: "shared/messaging",
    files: /^shared\/messaging\//,
    modules: ["./", ...shared("contracts", "runtime", "database")],
    packages: ["drizzle-orm", "kafkajs", "lz4-napi", "postgres", "snappyjs", "zod", ...PLATFORM],
  },
  {
    name: "shared/docs",
    files: /^shared\/docs\//,
    modules: ["./", ...shared("contracts", "http")],
    packages: ["hono", "swagger-ui-dist", "zod", ...PLATFORM],
  },
  {
    name: "shared/service",
    files: /^shared\/service\//,
    modules: ["./", ...ALL_SHARED],
    packages: ["drizzle-orm", "hono", "zod", ...PLATFORM],
  },

  {
    name: "the pages in the browser",
    files: /^services\/frontend\/src\/browser\//,
    // The saga's steps are plain data; schemas are too much for a page.
    modules: ["./browser/", "./pages/paths.ts", "shared/contracts/src/order-saga.ts", ...CLIENT],
    types: ["./pages/preferences.ts", ...shared("contracts")],
    packages: ["preact"],
  },
  {
    name: "domain/",
    files: /^services\/[^/]+\/src\/domain\//,
    modules: ["./domain/", "shared/contracts/src/order-saga.ts", "shared/runtime/src/backoff.ts"],
    types: shared("contracts"),
    packages: [],
  },
  {
    name: "db/",
    files: /^services\/[^/]+\/src\/db\//,
    modules: [
      ...["./db/", "./domain/", "shared/messaging/src/schema.ts", "shared/messaging/src/outbox/outgoing.ts"],
      ...shared("contracts", "runtime", "database"),
    ],
    types: ["./saga/state.ts"],
    packages: ["drizzle-orm", "postgres"],
  },
  {
    name: "the saga's rules",
    files: /^services\/[^/]+\/src\/(?:sagas\/|saga\/(?:advance|definition|mark-stuck|state|versions)\.ts$)/,
    modules: [
      "./saga/",
      "./sagas/",
      "shared/runtime/src/backoff.ts",
      "shared/runtime/src/errors.ts",
      ...shared("contracts"),
    ],
    packages: [],
  },
  {
    name: "use-cases/",
    files: /^services\/[^/]+\/src\/(?:use-cases|saga)\//,
    modules: [
      ...["./use-cases/", "./saga/", "./sagas/", "./domain/", "./db/", "./credentials/", "./mail/"],
      // Requests to addresses that others chose; requests that come in are none of their business.
      "shared/http/src/outbound/",
      ...shared("contracts", "runtime", "database", "messaging", "service"),
    ],
    types: ["./config.ts", "./context.ts", "shared/http/src/auth/principal.ts"],
    packages: ["drizzle-orm", "standardwebhooks", "zod", ...PLATFORM],
  },
  {
    name: "http/",
    files: /^services\/[^/]+\/src\/http\//,
    modules: [
      ...["./http/", "./use-cases/", "./saga/", "./domain/", "./db/"],
      ...shared("contracts", "runtime", "http", "service"),
    ],
    types: ["./config.ts", "./context.ts", ...shared("database", "messaging")],
    packages: ["@hono/zod-validator", "hono", "zod", ...PLATFORM],
  },
  {
    name: "messages/",
    files: /^services\/[^/]+\/src\/messages\//,
    modules: [
      ...["./messages/", "./use-cases/", "./saga/", "./sagas/", "./domain/", "./db/"],
      ...shared("contracts", "runtime", "messaging", "service"),
    ],
    types: ["./config.ts", "./context.ts", ...shared("database")],
    packages: ["zod", ...PLATFORM],
  },
  {
    name: "mail/",
    files: /^services\/user\/src\/mail\//,
    modules: ["./mail/", ...shared("runtime")],
    packages: ["nodemailer", ...PLATFORM],
  },
  {
    name: "credentials/",
    files: /^services\/user\/src\/credentials\//,
    modules: ["./credentials/", "./domain/", ...shared("contracts", "runtime", "http")],
    types: ["./db/"],
    packages: ["otpauth", ...PLATFORM],
  },
  {
    name: "a service",
    files: /^services\/[^/]+\/src\//,
    modules: ["./", ...ALL_SHARED],
    packages: ["drizzle-orm", "hono", "zod", ...PLATFORM],
  },
];
