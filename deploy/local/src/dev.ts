import { join } from "node:path";
import { logLineAsText } from "@shop/runtime/log-text";
import { describeExit } from "./guarded-process.ts";
import { leaveOnSignal } from "./leave-on-signal.ts";
import { packageFolder } from "./postgres-binaries.ts";
import { serviceNames } from "@shop/contracts/services";
import { SetupError } from "./setup-error.ts";
import { startSystem, type System } from "./system.ts";
import { watchMigrations } from "./watch-migrations.ts";

const say = (text: string) => void process.stdout.write(`${text}\n`);

let system: System | undefined;
// Before the system is up there is no work to finish: leaving is enough, and the guards end what has been started.
leaveOnSignal(async () => system?.stop(), say, true);

/** An ordinary start has nothing to tell; what is wrong is shown at once. */
const isWarning = (line: string) => /"level":"(?:warn|error)"|\b(?:WARN|ERROR)\b|^\w*[Ee]rror: /.test(line);

/** A line of a process: for a person at a terminal readable, for a program as it is. */
function shown(name: string, line: string): string {
  if (!process.stdout.isTTY) return `${name.padEnd(13)} ${line}`;
  const text = logLineAsText(line, { color: !process.env["NO_COLOR"], source: name });
  return text === line ? `${name.padEnd(13)} ${line}` : text;
}

try {
  system = await startSystem({
    environment: process.env,
    ports: "default",
    watch: true,
    untilEveryCheckIsOk: true,
    settings: { SEED_DEMO_DATA: "true", REBUILD_PAGES: "true" },
    progress: say,
    onLine: (name, line) => {
      // What PostgreSQL and Kafka say of themselves is of interest when they fail, and is shown then.
      if (name === "postgres" || name === "kafka") return;
      if (system !== undefined || isWarning(line)) say(shown(name, line));
    },
    onUnexpectedExit: (name, exit) => say(`The process ${name} ${describeExit(exit)}.`),
    restarts: {
      ...{ firstMs: 500, maxMs: 10_000, stableMs: 30_000 },
      onPause: (name, pauseMs) => say(`The process ${name} starts again in ${pauseMs / 1_000} s.`),
      onReady: (name) => say(`The process ${name} is ready again.`),
      onFailure: (_name, { message }) => say(message),
    },
  });
  watchMigrations(migrationFolders(), (name) => void applyMigrations(system as System, name));
  say(`
The system is ready and reloads when a file or a migration changes.
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

/** Those of the service, and those that several share. */
function migrationFolders(): ReadonlyMap<string, readonly string[]> {
  const root = join(packageFolder, "..", "..");
  return new Map(
    serviceNames.map((name) => [
      name,
      [`services/${name}`, "shared/messaging", "shared/database"].map((folder) => join(root, folder, "migrations")),
    ]),
  );
}

/** A service migrates its database when it starts. */
async function applyMigrations({ supervisor }: System, name: string): Promise<void> {
  say(`The migrations of ${name} have changed: it starts again.`);
  try {
    await supervisor.restart(name);
    say(`The process ${name} is ready again.`);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(error.message);
  }
}
