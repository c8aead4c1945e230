/** Which process this is, for anyone who looks at several. */
export interface Identity {
  /** What it was built as. */
  readonly release: string;
  /** Its machine or container, and its process id, such as `order-1/7`. */
  readonly instance: string;
  /** RFC 3339, UTC. */
  readonly startedAt: string;
}
