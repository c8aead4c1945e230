/** A node on the database, the topics and the brokers of its arguments that ends at once, as by `kill -9`, when it handles the number of its fourth one, and fails at that of its last one. */
import { hostname } from "node:os";
import { startNode } from "./node.ts";

const [databaseUrl = "", prefix = "", brokers = "", poison = "", failing = ""] = process.argv.slice(2);
await startNode({
  ...{ databaseUrl, prefix, brokers },
  instance: { host: hostname(), pid: process.pid },
  onMessage(number) {
    if (number === Number(poison)) process.kill(process.pid, "SIGKILL");
    if (number === Number(failing)) throw new Error("a fault");
  },
});
process.stdout.write("started\n");
