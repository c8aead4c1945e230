import type { Identity } from "@shop/runtime/identity";

/** Who a service under test is. */
export const testIdentity: Identity = {
  release: "test",
  instance: "here/1",
  startedAt: "2026-11-23T04:05:06.789Z",
};
