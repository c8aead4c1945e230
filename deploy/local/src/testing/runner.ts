/** Started by a test: PostgreSQL, Kafka and two processes under one runner, which the test then ends in one way or another. */
import { leaveOnSignal } from "../leave-on-signal.ts";
import { startInfrastructure } from "../infrastructure.ts";
import { createSupervisor } from "../supervisor.ts";

const infrastructure = await startInfrastructure({ environment: process.env, databases: ["shop"], fsync: false });
const supervisor = createSupervisor({ stopTimeoutMs: 500 });
const stubborn = "process.on('SIGTERM', () => {}); process.on('SIGINT', () => {}); setInterval(() => {}, 1000)";
await supervisor.start([
  { name: "stubborn", command: [process.execPath, "-e", stubborn], environment: process.env },
  // Its own child does not hear of the signals that it gets.
  { name: "parent", command: ["/bin/sh", "-c", "sleep 600 & wait"], environment: process.env },
]);
leaveOnSignal(
  async () => {
    await supervisor.stopAll();
    await infrastructure.stop();
  },
  (text) => void process.stdout.write(`${text}\n`),
);
process.stdout.write("started\n");
