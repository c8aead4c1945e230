import { leaveOnSignal } from "./leave-on-signal.ts";
import { SetupError } from "./setup-error.ts";
import { startSystem, type System } from "./system.ts";

const say = (text: string) => void process.stdout.write(`${text}\n`);

let system: System | undefined;
// Before the system is up there is no work to finish: leaving is enough, and the guards end what has been started.
leaveOnSignal(async () => system?.stop(), say, true);

try {
  system = await startSystem({
    environment: process.env,
    ports: "default",
    watch: true,
    settings: { SEED_DEMO_DATA: "true", REBUILD_PAGES: "true" },
    progress: say,
    onLine: (name, line) => {
      // What PostgreSQL and Kafka say of themselves is of interest when they fail, and is shown then.
      if (name !== "postgres" && name !== "kafka") say(`${name.padEnd(13)} ${line}`);
    },
    onUnexpectedExit: (name) =>
      say(`The process ${name} has ended. Save one of its files to start it again, or press Ctrl-C.`),
  });
  say(`
The system is ready and reloads when a file changes.
  pages and API   ${system.frontendUrl}
  API             ${system.gatewayUrl}
  API document    ${system.frontendUrl}/openapi.json
${Object.entries(system.services)
  .map(([name, { url, managementUrl }]) => `  ${name.padEnd(15)} ${url}  health and metrics ${managementUrl}`)
  .join("\n")}
Log in as customer, customer2, rider, rider2 or admin; the password is NAME-password.
Ctrl-C stops everything.
`);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  say(`\n${error.message}`);
  process.exit(1);
}
