/** The public port of each process unless it is told otherwise; its management port is `MANAGEMENT_PORT_OFFSET` above. */
export const defaultPorts = {
  user: 8001,
  order: 8002,
  product: 8003,
  delivery: 8004,
  orchestrator: 8005,
  gateway: 8000,
  frontend: 8080,
} as const;

export const MANAGEMENT_PORT_OFFSET = 1_000;
export type ProcessName = keyof typeof defaultPorts;
