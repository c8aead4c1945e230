/** A change of one file of the code, by text that must stand there once. */
export interface Edit {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const product = "shared/contracts/src/messages/product.ts";

/** What the orchestrator will send of `DecreaseProductCommand` in the release after the next one. */
const SECOND_VERSION = `z.object({ orderId: Uuid, items: z.array(ItemToTake).min(1).max(50), askedBy: z.literal("saga") })`;
const FIRST_VERSION = `z.object({ orderId: Uuid, items: z.array(ItemToTake).min(1).max(50) })`;

/**
 * The next release, by the recipe of docs/extending.md: goods are packed once their stock is taken. Everybody knows the new messages and the product
 * service answers them, but nobody asks yet; and a message's second version is read, but not sent.
 */
export const nextRelease: readonly Edit[] = [
  {
    file: product,
    from: `export const DecreaseRefusal = `,
    to: `${["PackProductCommand:product.commands:orchestrator", "ProductPacked:product.events:product", "UnpackProductCommand:product.commands:orchestrator", "ProductUnpacked:product.events:product"].map(messageDefinition).join("")}export const DecreaseRefusal = `,
  },
  {
    file: product,
    from: `  data: ${FIRST_VERSION},`,
    to: `  data: ${FIRST_VERSION},
  alsoReads: [{ version: 2, data: ${SECOND_VERSION}.transform(({ orderId, items }) => ({ orderId, items })) }],`,
  },
  {
    file: "shared/contracts/src/messages/registry.ts",
    from: `  product.ProductDecreased,`,
    to: `  product.ProductDecreased,
  product.PackProductCommand,
  product.ProductPacked,
  product.UnpackProductCommand,
  product.ProductUnpacked,`,
  },
  {
    file: "services/product/src/messages/handlers.ts",
    from: `    on(IncreaseProductCommand,`,
    to: `${answer("PackProductCommand", "ProductPacked")}${answer("UnpackProductCommand", "ProductUnpacked")}    on(IncreaseProductCommand,`,
  },
  {
    file: "services/product/src/messages/handlers.ts",
    from: `  ProductDecreased,
  ProductIncreased,
}`,
    to: `  PackProductCommand,
  ProductDecreased,
  ProductIncreased,
  ProductPacked,
  ProductUnpacked,
  UnpackProductCommand,
}`,
  },
];

/** The release after it: sagas begin under a second version with the step, and the message's second version is sent and the first one still read. */
export const releaseAfterNext: readonly Edit[] = [
  ...nextRelease.filter(({ from }) => !from.includes(FIRST_VERSION)),
  {
    file: product,
    from: `  data: ${FIRST_VERSION},`,
    to: `  version: 2,
  data: ${SECOND_VERSION},
  alsoReads: [{ version: 1, data: ${FIRST_VERSION}.transform((data) => ({ ...data, askedBy: "saga" as const })) }],`,
  },
  {
    file: "services/orchestrator/src/sagas/order.saga.ts",
    from: `({ orderId, items }) => ({ orderId, items })`,
    to: `({ orderId, items }) => ({ orderId, items, askedBy: "saga" })`,
  },
  {
    file: "services/orchestrator/src/sagas/order.saga.ts",
    from: `/** \`ALREADY_RETURNED\` comes only`,
    to: `export const orderSagaV1 = orderSaga;
export const orderSagaV2 = defineSaga<OrderSnapshot, CancelReason>({
  ...orderSaga,
  version: 2,
  compensatable: orderSaga.compensatable.flatMap((step) => (step.name === "DECREASE_PRODUCT" ? [step, packing] : [step])),
});

/** \`ALREADY_RETURNED\` comes only`,
  },
  {
    file: "services/orchestrator/src/sagas/order.saga.ts",
    from: `/**
 * The saga of an order:`,
    to: `const packing: CompensatableStep<OrderSnapshot, CancelReason> = {
  name: "PACK_PRODUCT",
  waitsFor: "the goods to be packed",
  milestone: "PACKED",
  send: command(PackProductCommand, ({ orderId }) => ({ orderId })),
  replies: [when(ProductPacked, succeeded)],
  retryPolicy: replyPolicy,
  compensation: {
    name: "UNPACK_PRODUCT",
    milestone: "UNPACKED",
    send: command(UnpackProductCommand, ({ orderId }) => ({ orderId })),
    replies: [when(ProductUnpacked, succeeded)],
    retryPolicy: replyPolicy,
  },
};

/**
 * The saga of an order:`,
  },
  {
    file: "services/orchestrator/src/sagas/order.saga.ts",
    from: `  ProductIncreased,
}`,
    to: `  PackProductCommand,
  ProductIncreased,
  ProductPacked,
  ProductUnpacked,
  UnpackProductCommand,
}`,
  },
  {
    file: "services/orchestrator/src/sagas/order.saga.ts",
    from: `  tooLate,
  when,
}`,
    to: `  tooLate,
  type CompensatableStep,
  when,
}`,
  },
  {
    file: "services/orchestrator/src/sagas/registry.ts",
    from: `import { orderSaga }`,
    to: `import { orderSagaV1, orderSagaV2 }`,
  },
  {
    file: "services/orchestrator/src/sagas/registry.ts",
    from: `sagaVersions([orderSaga])`,
    to: `sagaVersions([orderSagaV1, orderSagaV2])`,
  },
];

function messageDefinition(named: string): string {
  const [type = "", topic = "", sender = ""] = named.split(":");
  const receivers = topic === "product.commands" ? `"product"` : `"orchestrator", "order"`;
  return `export const ${type} = defineMessage({
  ...{ type: "${type}", topic: "${topic}", sender: "${sender}", receivers: [${receivers}] },
  summary: "Packing of what an order took.",
  data: z.object({ orderId: Uuid }),
});

`;
}

function answer(question: string, reply: string): string {
  return `    on(${question}, (_tx, messages) =>
      Promise.resolve(
        messages.map(({ data: { orderId }, traceparent }) => outgoing(${reply}, orderId, { orderId }, traceparent)),
      ),
    ),

`;
}
