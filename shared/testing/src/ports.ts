import { freePort } from "@shop/local/free-port";

/** A TCP port of this machine on which nobody listens, for a process that is to be found there again after a restart. */
export const unusedPort = (): Promise<number> => freePort();
