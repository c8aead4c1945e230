import { installedPackages } from "./installed.ts";

/** `bun run licences`: name, version and licence of everything that is installed, separated by tabs. */
for (const { name, version, licence } of await installedPackages()) {
  process.stdout.write(`${name}\t${version}\t${licence ?? "none stated"}\n`);
}
