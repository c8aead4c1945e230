import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { testKafkaBrokers, testPostgresUrl } from "@shop/testing/infrastructure";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildRelease } from "./build.ts";
import type { Edit } from "./edits.ts";

const REPOSITORY = join(import.meta.dir, "../../..");
const folder = await mkdtemp(join(tmpdir(), "recipe-"));
afterAll(() => rm(folder, { recursive: true }));

/** The fenced TypeScript of a section of docs/extending.md, without the indentation of its list and the lines that stand for more of the same. */
async function blocksOf(heading: string): Promise<readonly string[]> {
  const text = await Bun.file(join(REPOSITORY, "docs/extending.md")).text();
  const section = text.split(/^## /m).find((part) => part.startsWith(heading)) ?? "";
  return [...section.matchAll(/^ {3}```ts\n(?<block>.*?)^ {3}```/gms)].map(({ groups }) =>
    (groups?.["block"] ?? "").replaceAll(/^ {3}(?:\/\/ .*\n)?/gm, ""),
  );
}

const indented = (block: string, spaces: number) => block.replaceAll(/^(?=.)/gm, " ".repeat(spaces));
const PRODUCT = "shared/contracts/src/messages/product.ts";
const SAGA = "services/orchestrator/src/sagas/order.saga.ts";
const OLD_SAGA = "services/orchestrator/src/sagas/order-v1.saga.ts";
const REGISTRY = "services/orchestrator/src/sagas/registry.ts";
const HANDLERS = "services/product/src/messages/handlers.ts";
const ORDER_TO_END_MS = 240_000;
const NAMES = ["PackProductCommand", "ProductPacked", "UnpackProductCommand", "ProductUnpacked"] as const;

interface Applied {
  readonly edits: readonly Edit[];
  /** New files, by path. */
  readonly files: Readonly<Record<string, string>>;
}

/** Adds to the sentences of the pages, in both languages. */
function textsOf(sagaSteps: string, milestone: string, title: string, meaning: string): readonly Edit[] {
  return ["en", "ko"].flatMap((language) => {
    const file = `services/frontend/src/browser/i18n/${language}.ts`;
    const progress = language === "en" ? "const progress: Record<OrderProgress, string> = {" : "  progress: {";
    return [
      { file, from: "DECREASE_PRODUCT:", to: `${sagaSteps} DECREASE_PRODUCT:` },
      { file, from: progress, to: `${progress} ${milestone}: "${title}",` },
      { file, from: "progressText: {", to: `progressText: { ${milestone}: "${meaning}",` },
    ];
  });
}

/** "Add a step to the saga". */
async function packingRecipe(): Promise<Applied> {
  const [message = "", step = "", table = "", useCase = "", handler = "", ...more] = await blocksOf("Add a step");
  expect(more).toEqual([]);
  const answerOf = (type: string) =>
    message
      .replaceAll("PackProductCommand", type)
      .replace("product.commands", "product.events")
      .replace('sender: "orchestrator"', 'sender: "product"')
      .replace('receivers: ["product"]', 'receivers: ["orchestrator", "order"]');
  const messages = [
    message,
    answerOf("ProductPacked"),
    message.replaceAll("PackProductCommand", "UnpackProductCommand"),
    answerOf("ProductUnpacked"),
  ];
  const unpackHandler = handler
    .replaceAll("PackProductCommand", "UnpackProductCommand")
    .replaceAll("ProductPacked", "ProductUnpacked")
    .replace("pack(", "unpack(");
  const imports: Edit["to"] = `  ProductIncreased,\n${NAMES.map((name) => `  ${name},\n`).join("")}}`;
  return {
    files: { "services/product/src/use-cases/pack.ts": useCase },
    edits: [
      {
        file: PRODUCT,
        from: "export const DecreaseRefusal = ",
        to: `${messages.join("\n")}\nexport const DecreaseRefusal = `,
      },
      {
        file: "shared/contracts/src/messages/registry.ts",
        from: "  product.ProductDecreased,",
        to: ["  product.ProductDecreased,", ...NAMES.map((name) => `  product.${name},`)].join("\n"),
      },
      ...textsOf(
        `PACK_PRODUCT: "Pack", UNPACK_PRODUCT: "Unpack",`,
        ...(["PACKED", "Packed", "It is in its box."] as const),
      ),
      { file: SAGA, from: "version: 1", to: "version: 2" },
      { file: SAGA, from: "  ProductIncreased,\n}", to: imports },
      {
        file: SAGA,
        from: `    {\n      name: "CREATE_DELIVERY",`,
        to: `${indented(step, 4)}    {\n      name: "CREATE_DELIVERY",`,
      },
      {
        file: REGISTRY,
        from: "import { orderSaga }",
        to: `import { orderSagaV1 } from "./order-v1.saga.ts";\nimport { orderSaga }`,
      },
      { file: REGISTRY, from: "sagaVersions([orderSaga])", to: "sagaVersions([orderSagaV1, orderSaga])" },
      {
        file: "services/product/src/db/schema.ts",
        from: "/** The products, also those",
        to: `${table}\n/** The products, also those`,
      },
      { file: HANDLERS, from: "  ProductIncreased,\n}", to: imports },
      {
        file: HANDLERS,
        from: "import { returnStock }",
        to: `import { pack, unpack } from "../use-cases/pack.ts";\nimport { returnStock }`,
      },
      {
        file: HANDLERS,
        from: "    on(IncreaseProductCommand,",
        to: `${handler}\n${unpackHandler}\n    on(IncreaseProductCommand,`,
      },
    ],
  };
}

/** "Add a service". */
async function paymentRecipe(): Promise<Applied> {
  const [manifest = "", messages = "", step = "", schema = "", useCases = "", handlers = "", service = "", ...more] =
    await blocksOf("Add a service");
  expect(more).toEqual([]);
  const MANIFEST = "shared/contracts/src/services.ts";
  const MESSAGE_REGISTRY = "shared/contracts/src/messages/registry.ts";
  const GATEWAY = "services/gateway/src/service.test.ts";
  const names = [...messages.matchAll(/export const (?<name>\w+)/g)].map(({ groups }) => groups?.["name"] ?? "");
  const copied = ["package.json", "drizzle.config.ts", "src/main.ts", "src/migrate.ts", "src/verify-audit.ts"].map(
    async (file): Promise<[string, string]> => [
      `services/payment/${file}`,
      (await Bun.file(join(REPOSITORY, "services/product", file)).text()).replaceAll("product", "payment"),
    ],
  );
  return {
    files: {
      ...Object.fromEntries(await Promise.all(copied)),
      "shared/contracts/src/messages/payment.ts": messages,
      "services/payment/src/db/schema.ts": schema,
      "services/payment/src/use-cases/authorize.ts": useCases,
      "services/payment/src/messages/handlers.ts": handlers,
      "services/payment/src/service.ts": service,
    },
    edits: [
      { file: MANIFEST, from: "  orchestrator: {", to: `${indented(manifest, 2)}  orchestrator: {` },
      {
        file: MANIFEST,
        from: 'reads: ["order.commands", "product.events",',
        to: 'reads: ["payment.events", "order.commands", "product.events",',
      },
      {
        file: MANIFEST,
        from: 'reads: ["order.events", "product.',
        to: 'reads: ["payment.events", "order.events", "product.',
      },
      {
        file: MESSAGE_REGISTRY,
        from: "import * as product",
        to: 'import * as payment from "./payment.ts";\nimport * as product',
      },
      {
        file: MESSAGE_REGISTRY,
        from: "  delivery.CreateDeliveryCommand,",
        to: [...names.map((name) => `  payment.${name},`), "  delivery.CreateDeliveryCommand,"].join("\n"),
      },
      {
        file: SAGA,
        from: `} from "@shop/contracts/messages/order";`,
        to: `} from "@shop/contracts/messages/order";\nimport { ${names.join(", ")} } from "@shop/contracts/messages/payment";`,
      },
      {
        file: SAGA,
        from: `    {\n      name: "CREATE_DELIVERY",`,
        to: `${indented(step, 4)}    {\n      name: "CREATE_DELIVERY",`,
      },
      ...textsOf(
        `AUTHORIZE_PAYMENT: "Authorize payment", VOID_PAYMENT: "Void payment",`,
        ...(["PAYMENT_AUTHORIZED", "Paid", "Your payment is authorized."] as const),
      ),
      {
        file: "services/frontend/src/browser/i18n/en.ts",
        from: "const participants: Record<ParticipantName, string> = {",
        to: `const participants: Record<ParticipantName, string> = { payment: "Payment",`,
      },
      {
        file: "services/frontend/src/browser/i18n/ko.ts",
        from: `  delivery: "배달",`,
        to: `  delivery: "배달",\n  payment: "결제",`,
      },
      {
        file: "shared/docs/src/openapi.ts",
        from: "  delivery: { name:",
        to: `  payment: { name: "payment", description: "Payments." },\n  delivery: { name:`,
      },
      {
        file: "shared/docs/src/asyncapi.ts",
        from: `  "delivery.events":`,
        to: `  "payment.events": "What happened to payments.",\n  "payment.commands": "What the saga asks.",\n  "delivery.events":`,
      },
      {
        file: GATEWAY,
        from: `  delivery: ["http://192.0.2.4"],`,
        to: `  delivery: ["http://192.0.2.4"],\n  payment: ["http://192.0.2.6"],`,
      },
    ],
  };
}

/** What an order's saga sends, message by message, when it is cancelled, and when it is completed. */
const STORY = `
  const { advance } = await import("./src/saga/advance.ts");
  const { orderSagaVersions } = await import("./src/sagas/registry.ts");
  const { orderSaga } = await import("@shop/contracts/order-saga");
  const orderId = "01900000-0000-7000-8000-000000000001";
  const order = { orderId, customerId: orderId, items: [], total: 700, currency: "KRW", deliveryAddress: "Seoul" };
  const sentFor = (messages) => {
    let state;
    return messages.flatMap(([type, data]) => {
      const event = { kind: "message", type, data: { orderId, ...data } };
      const next = advance(orderSagaVersions.newest, state, event, 0, { id: "saga", key: orderId });
      state = next?.state ?? state;
      return next?.send.map(({ definition }) => definition.type) ?? [];
    });
  };
  const forward = [
    ["OrderCreated", order],
    ["ProductDecreased", { result: "SUCCESS" }],
    ["ProductPacked"],
    ["PaymentAuthorized"],
    ["DeliveryCreated", { deliveryId: orderId }],
  ];
  console.log(JSON.stringify({
    steps: orderSaga.steps.filter((step) => /PACK|PAYMENT/.test(step)),
    progress: orderSaga.progress.slice(0, 5),
    reaches: ["ProductPacked", "ProductUnpacked", "PaymentAuthorized", "PaymentVoided"].map((type) => orderSaga.events[type]),
    versions: orderSagaVersions.known,
    completed: sentFor([...forward, ["DeliveryCompleted", { deliveryId: orderId }]]),
    cancelled: sentFor([
      ...forward,
      ["OrderCancelRequested", { ...order, reason: "CANCELLED_BY_CUSTOMER" }],
      ["DeliveryCancelled", { deliveryId: orderId, result: "SUCCESS" }],
      ["PaymentVoided"],
      ["ProductUnpacked"],
      ["ProductIncreased"],
    ]),
  }));`;

/** Two orders through the whole system: one is delivered, the rider of the other one fails. */
const ORDERS = `
  const { deliveryOf, orderBecomes, products, startTestSystem, waitingOrder } = await import("./test-system.ts");
  const { default: postgres } = await import("postgres");
  const shop = await startTestSystem();
  try {
    const [rider, customer, admin] = await Promise.all(["rider", "customer", "admin"].map((name) => shop.logIn(name)));
    const product = (await products(shop)).find(({ stock }) => stock > 10).id;
    const payments = postgres(shop.system.databaseUrls.get("payment"));
    const endOf = async (status, what) => {
      const orderId = await waitingOrder(shop, product);
      const { id } = await deliveryOf(rider, orderId);
      await rider.claimDelivery(id);
      await what(id);
      const { total } = await orderBecomes(customer, orderId, "status", status);
      const [saga] = (await admin.listSagas({ orderId })).items;
      const { history } = await admin.getSaga(saga.id);
      const [row] = await payments\`select status, amount::int from payment where order_id = \${orderId}\`;
      return {
        heard: history.flatMap(({ message }) => (message === null ? [] : [message])),
        payment: row.status,
        isWhole: row.amount === total,
      };
    };
    const complete = await endOf("COMPLETE", (id) => rider.completeDelivery(id));
    const failed = await endOf("CANCELLED", (id) => rider.failDelivery(id, { reason: "nobody at home" }));
    await shop.booksBalance();
    await payments.end();
    console.log(JSON.stringify({ complete, failed }));
  } finally {
    await shop.stop();
  }`;

describe("the recipes of docs/extending.md, applied to a copy of the code", () => {
  let copy: string;

  beforeAll(async () => {
    const old = await Bun.file(join(REPOSITORY, SAGA)).text();
    const [packing, payment] = [await packingRecipe(), await paymentRecipe()];
    copy = await buildRelease(join(folder, "step"), [...packing.edits, ...payment.edits], {
      ...packing.files,
      ...payment.files,
      [OLD_SAGA]: old.replace("export const orderSaga =", "export const orderSagaV1 ="),
    });
    await cp(join(REPOSITORY, "services/product/node_modules"), join(copy, "services/payment/node_modules"), {
      ...{ recursive: true, verbatimSymlinks: true },
    });
    // What tests beside the sources import; the type checker reads them, too.
    for (const part of ["deploy/books", "deploy/local"])
      await cp(join(REPOSITORY, part), join(copy, part), { recursive: true, verbatimSymlinks: true });
  }, 60_000);

  test("compile as they stand", async () => {
    const check = async (...project: readonly string[]) => {
      const types = Bun.spawn(
        [process.execPath, join(REPOSITORY, "node_modules/typescript/bin/tsc"), "--noEmit", ...project],
        { cwd: copy, stdout: "pipe" },
      );
      return [await types.stdout.text(), await types.exited];
    };
    expect(await check()).toEqual(["", 0]);
    expect(await check("-p", "services/frontend/src/browser")).toEqual(["", 0]);
  }, 120_000);

  test("the saga of the copy sends the commands of both steps, and compensates them in reverse", async () => {
    const story = await Bun.$`${process.execPath} -e ${STORY}`.cwd(join(copy, "services/orchestrator")).text();
    const forward = [
      "DecreaseProductCommand",
      "PackProductCommand",
      "AuthorizePaymentCommand",
      "CreateDeliveryCommand",
    ];
    expect(JSON.parse(story)).toEqual({
      versions: [1, 2],
      steps: ["PACK_PRODUCT", "AUTHORIZE_PAYMENT", "VOID_PAYMENT", "UNPACK_PRODUCT"],
      progress: ["CREATED", "STOCK_TAKEN", "PACKED", "PAYMENT_AUTHORIZED", "WAITING_FOR_RIDER"],
      reaches: ["PACKED", "UNPACKED", "PAYMENT_AUTHORIZED", "PAYMENT_VOIDED"],
      completed: [...forward, "CompleteOrderCommand"],
      cancelled: [
        ...forward,
        ...["CancelDeliveryCommand", "VoidPaymentCommand", "UnpackProductCommand"],
        ...["IncreaseProductCommand", "CancelOrderCommand"],
      ],
    });
  }, 60_000);

  test(
    "an order is paid and completed, and the payment of one whose delivery fails is voided",
    async () => {
      const migrate = (service: string, name: string) =>
        Bun.$`${process.execPath} x drizzle-kit generate --name ${name}`.cwd(join(copy, "services", service)).quiet();
      await Promise.all([migrate("product", "packing"), migrate("payment", "initial")]);
      for (const part of ["tests/support", "tests/package.json", "tests/node_modules"])
        await cp(join(REPOSITORY, part), join(copy, part), { recursive: true, verbatimSymlinks: true });

      const servers = { TEST_POSTGRES_URL: await testPostgresUrl(), TEST_KAFKA_BROKERS: await testKafkaBrokers() };
      const orders = Bun.spawn([process.execPath, "-e", ORDERS], {
        ...{ cwd: join(copy, "tests/support"), env: { ...process.env, ...servers }, stdout: "pipe" },
      });
      const printed = await orders.stdout.text();
      expect(await orders.exited).toBe(0);
      const forward = ["OrderCreated", "ProductDecreased", "ProductPacked", "PaymentAuthorized", "DeliveryCreated"];
      expect(JSON.parse(printed)).toEqual({
        complete: {
          heard: [...forward, "DeliveryCompleted", "OrderCompleted"],
          ...{ payment: "AUTHORIZED", isWhole: true },
        },
        failed: {
          heard: [
            ...[...forward, "DeliveryFailed", "PaymentVoided", "ProductUnpacked"],
            ...["ProductIncreased", "OrderCancelled"],
          ],
          ...{ payment: "VOIDED", isWhole: true },
        },
      });
    },
    ORDER_TO_END_MS,
  );
});
