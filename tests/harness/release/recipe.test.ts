import { afterAll, expect, test } from "bun:test";
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
const NAMES = ["PackProductCommand", "ProductPacked", "UnpackProductCommand", "ProductUnpacked"] as const;

/** What an order's saga sends, message by message, and the steps that it has. */
const STORY = `
  const { advance } = await import("./src/saga/advance.ts");
  const { orderSagaVersions } = await import("./src/sagas/registry.ts");
  const orderId = "01900000-0000-7000-8000-000000000001";
  const order = { orderId, customerId: orderId, items: [], total: 0, currency: "KRW", deliveryAddress: "Seoul" };
  let state;
  const hears = (type, data) => {
    const next = advance(orderSagaVersions.newest, state, { kind: "message", type, data }, 0, { id: "saga", key: orderId });
    state = next?.state ?? state;
    return next?.send.map(({ definition }) => definition.type) ?? [];
  };
  const { orderSaga } = await import("@shop/contracts/order-saga");
  console.log(JSON.stringify({
    steps: orderSaga.steps.filter((step) => step.includes("PACK")),
    progress: orderSaga.progress.slice(0, 4),
    reaches: [orderSaga.events.ProductPacked, orderSaga.events.ProductUnpacked],
    versions: orderSagaVersions.known,
    sent: [
      hears("OrderCreated", order),
      hears("ProductDecreased", { orderId, result: "SUCCESS" }),
      hears("ProductPacked", { orderId }),
      hears("DeliveryCreated", { orderId, deliveryId: orderId }),
      hears("OrderCancelRequested", { ...order, reason: "CANCELLED_BY_CUSTOMER" }),
      hears("DeliveryCancelled", { orderId, deliveryId: orderId, result: "SUCCESS" }),
      hears("ProductUnpacked", { orderId }),
      hears("ProductIncreased", { orderId }),
    ].flat(),
  }));`;

test("the recipe of docs/extending.md for a new step compiles as it stands, and an order goes through the step and back", async () => {
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
  const edits: readonly Edit[] = [
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
    ...["en", "ko"].flatMap((language) => {
      const file = `services/frontend/src/browser/i18n/${language}.ts`;
      const [progress, meaning] =
        language === "en"
          ? ["const progress: Record<OrderProgress, string> = {", "progressText: {"]
          : ["  progress: {", "progressText: {"];
      return [
        { file, from: "DECREASE_PRODUCT:", to: `PACK_PRODUCT: "Pack", UNPACK_PRODUCT: "Unpack", DECREASE_PRODUCT:` },
        { file, from: progress, to: `${progress} PACKED: "Packed",` },
        { file, from: meaning, to: `${meaning} PACKED: "It is in its box.",` },
      ];
    }),
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
  ];
  const old = await Bun.file(join(REPOSITORY, SAGA)).text();
  const copy = await buildRelease(join(folder, "step"), edits, {
    [OLD_SAGA]: old.replace("export const orderSaga =", "export const orderSagaV1 ="),
    "services/product/src/use-cases/pack.ts": useCase,
  });
  // What tests beside the sources import; the type checker reads them, too.
  for (const part of ["deploy/books", "deploy/local"])
    await cp(join(REPOSITORY, part), join(copy, part), { recursive: true, verbatimSymlinks: true });
  const types = Bun.spawn([process.execPath, join(REPOSITORY, "node_modules/typescript/bin/tsc"), "--noEmit"], {
    cwd: copy,
    stdout: "pipe",
  });
  expect(await types.stdout.text()).toBe("");
  expect(await types.exited).toBe(0);
  const story = await Bun.$`${process.execPath} -e ${STORY}`.cwd(join(copy, "services/orchestrator")).text();
  expect(JSON.parse(story)).toEqual({
    versions: [1, 2],
    steps: ["PACK_PRODUCT", "UNPACK_PRODUCT"],
    progress: ["CREATED", "STOCK_TAKEN", "PACKED", "WAITING_FOR_RIDER"],
    reaches: ["PACKED", "UNPACKED"],
    sent: [
      ...["DecreaseProductCommand", "PackProductCommand", "CreateDeliveryCommand"],
      ...["CancelDeliveryCommand", "UnpackProductCommand", "IncreaseProductCommand", "CancelOrderCommand"],
    ],
  });
}, 60_000);
