/**
 * The order's saga as everything outside of the orchestrator knows it: its steps, and what an order's customer is shown of them.
 * Written from the definitions of the saga by `bun run generate:saga`. A test compares it.
 */
export const orderSaga = {
  name: "order",
  version: 1,
  knownVersions: [1],
  begins: "OrderCreated",
  cancels: "OrderCancelRequested",
  forward: [
    {
      name: "DECREASE_PRODUCT",
      kind: "COMPENSATABLE",
      compensation: "INCREASE_PRODUCT",
      service: "product",
      command: "DecreaseProductCommand",
      answers: ["ProductDecreased"],
      firstRetryMs: 5000,
      maxRetryMs: 60000,
      deadlineMs: 600000,
    },
    {
      name: "CREATE_DELIVERY",
      kind: "COMPENSATABLE",
      compensation: "CANCEL_DELIVERY",
      service: "delivery",
      command: "CreateDeliveryCommand",
      answers: ["DeliveryCreated"],
      firstRetryMs: 5000,
      maxRetryMs: 60000,
      deadlineMs: 600000,
    },
    {
      name: "WAIT_FOR_RIDER",
      kind: "PIVOT",
      compensation: null,
      service: "delivery",
      command: "CreateDeliveryCommand",
      answers: ["DeliveryCompleted", "DeliveryFailed"],
      firstRetryMs: 600000,
      maxRetryMs: 3600000,
      deadlineMs: null,
    },
    {
      name: "COMPLETE_ORDER",
      kind: "RETRIABLE",
      compensation: null,
      service: "order",
      command: "CompleteOrderCommand",
      answers: ["OrderCompleted"],
      firstRetryMs: 5000,
      maxRetryMs: 60000,
      deadlineMs: 600000,
    },
  ],
  backward: [
    {
      name: "CANCEL_DELIVERY",
      kind: "COMPENSATION",
      compensation: null,
      service: "delivery",
      command: "CancelDeliveryCommand",
      answers: ["DeliveryCancelled", "DeliveryFailed", "DeliveryCompleted"],
      firstRetryMs: 5000,
      maxRetryMs: 60000,
      deadlineMs: 600000,
    },
    {
      name: "INCREASE_PRODUCT",
      kind: "COMPENSATION",
      compensation: null,
      service: "product",
      command: "IncreaseProductCommand",
      answers: ["ProductIncreased"],
      firstRetryMs: 5000,
      maxRetryMs: 60000,
      deadlineMs: 600000,
    },
    {
      name: "CANCEL_ORDER",
      kind: "CANCELLATION",
      compensation: null,
      service: "order",
      command: "CancelOrderCommand",
      answers: ["OrderCancelled"],
      firstRetryMs: 5000,
      maxRetryMs: 60000,
      deadlineMs: 600000,
    },
  ],
  steps: [
    "DECREASE_PRODUCT",
    "CREATE_DELIVERY",
    "WAIT_FOR_RIDER",
    "COMPLETE_ORDER",
    "CANCEL_DELIVERY",
    "INCREASE_PRODUCT",
    "CANCEL_ORDER",
  ],
  milestones: [
    "CREATED",
    "STOCK_TAKEN",
    "WAITING_FOR_RIDER",
    "CANCELLING",
    "STOCK_REFUSED",
    "DELIVERY_FAILED",
    "DELIVERY_CANCELLED",
    "STOCK_RETURNED",
    "DELIVERED",
    "COMPLETE",
    "CANCELLED",
  ],
  meanings: {
    CREATED: {
      progress: "CREATED",
      saga: {
        status: "RUNNING",
        step: "DECREASE_PRODUCT",
      },
    },
    STOCK_TAKEN: {
      progress: "STOCK_TAKEN",
      saga: {
        status: "RUNNING",
        step: "CREATE_DELIVERY",
      },
    },
    WAITING_FOR_RIDER: {
      progress: "WAITING_FOR_RIDER",
      saga: {
        status: "RUNNING",
        step: "WAIT_FOR_RIDER",
      },
    },
    CANCELLING: {
      progress: "CANCELLING",
      saga: {
        status: "COMPENSATING",
        step: null,
      },
    },
    STOCK_REFUSED: {
      progress: "CANCELLING",
      saga: {
        status: "COMPENSATING",
        step: "CANCEL_ORDER",
      },
    },
    DELIVERY_FAILED: {
      progress: "CANCELLING",
      saga: {
        status: "COMPENSATING",
        step: "INCREASE_PRODUCT",
      },
    },
    DELIVERY_CANCELLED: {
      progress: "CANCELLING",
      saga: {
        status: "COMPENSATING",
        step: "INCREASE_PRODUCT",
      },
    },
    STOCK_RETURNED: {
      progress: "CANCELLING",
      saga: {
        status: "COMPENSATING",
        step: "CANCEL_ORDER",
      },
    },
    DELIVERED: {
      progress: "DELIVERED",
      saga: {
        status: "RUNNING",
        step: "COMPLETE_ORDER",
      },
    },
    COMPLETE: {
      progress: "COMPLETE",
      saga: {
        status: "COMPLETE",
        step: "COMPLETE_ORDER",
      },
    },
    CANCELLED: {
      progress: "CANCELLED",
      saga: {
        status: "CANCELLED",
        step: "CANCEL_ORDER",
      },
    },
  },
  progress: ["CREATED", "STOCK_TAKEN", "WAITING_FOR_RIDER", "DELIVERED", "CANCELLING", "COMPLETE", "CANCELLED"],
  waits: {
    CREATED: {
      for: "the shop's stock",
      deadlineMs: 600000,
    },
    STOCK_TAKEN: {
      for: "a delivery to be arranged",
      deadlineMs: 600000,
    },
    WAITING_FOR_RIDER: {
      for: "a rider",
      deadlineMs: null,
    },
    DELIVERED: {
      for: "the order to be closed: it has been delivered",
      deadlineMs: null,
    },
    CANCELLING: {
      for: "the order to be cancelled, unless a rider was first",
      deadlineMs: null,
    },
    COMPLETE: null,
    CANCELLED: null,
  },
  events: {
    ProductDecreased: {
      SUCCESS: "STOCK_TAKEN",
      FAILURE: "STOCK_REFUSED",
    },
    DeliveryCreated: "WAITING_FOR_RIDER",
    DeliveryCompleted: "DELIVERED",
    DeliveryFailed: "DELIVERY_FAILED",
    DeliveryCancelled: {
      SUCCESS: "DELIVERY_CANCELLED",
    },
    ProductIncreased: "STOCK_RETURNED",
  },
} as const;
