import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { REPOSITORY } from "../repository.ts";

export interface InstalledPackage {
  readonly name: string;
  readonly version: string;
  /** An SPDX expression as the package states it; null when it states none. */
  readonly licence: string | null;
}

interface Manifest {
  readonly name?: string;
  readonly version?: string;
  readonly license?: string | { readonly type?: string };
  /** How packages stated it before SPDX. */
  readonly licenses?: readonly { readonly type?: string }[];
}

/** Bun's isolated linker keeps every installed package, those that only others depend on too, in a folder of its own. */
const STORE = join(REPOSITORY, "node_modules/.bun");

/**
 * What is installed of others' packages for this machine's platform, by name and version.
 * @throws an Error when nothing is installed
 */
export async function installedPackages(): Promise<readonly InstalledPackage[]> {
  const found = new Map<string, InstalledPackage>();
  for (const entry of await readdir(STORE)) {
    // `@scope+name@1.2.3`, with a suffix where peers or a patch make it another: the package itself, beside links to what it depends on.
    const name = entry.slice(0, entry.indexOf("@", 1)).replace("+", "/");
    const file = Bun.file(join(STORE, entry, "node_modules", name, "package.json"));
    if (!(await file.exists())) continue;
    const manifest = (await file.json()) as Manifest;
    const { version = "" } = manifest;
    found.set(`${name}@${version}`, { name, version, licence: licenceOf(manifest) });
  }
  return [...found.values()].toSorted((a, b) => (`${a.name}@${a.version}` < `${b.name}@${b.version}` ? -1 : 1));
}

function licenceOf({ license, licenses }: Manifest): string | null {
  if (typeof license === "string") return license;
  const types = (license === undefined ? (licenses ?? []) : [license]).flatMap(({ type }) => type ?? []);
  return types.length === 0 ? null : types.join(" OR ");
}
