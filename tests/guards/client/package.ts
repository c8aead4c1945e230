import { cp, mkdtemp, readdir, rm } from "node:fs/promises";
import { builtinModules } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { REPOSITORY } from "../repository.ts";

/** What another project imports: all of it from `@shop/client`, or as in this repository, `@shop/client/shop`. */
const ENTRIES = ["shop", "browser-shop", "problem-error", "bearer-session", "calls"] as const;
const SHARED = join(REPOSITORY, "shared");
const sourceOf = (entry: string) => join(SHARED, `client/src/${entry}.ts`);
const TSC = join(REPOSITORY, "node_modules/typescript/bin/tsc");

interface RootManifest {
  readonly version: string;
  readonly license: string;
  readonly workspaces: { readonly catalog: Readonly<Record<string, string>> };
}

/**
 * Builds `@shop/client` for other projects into a folder that `npm pack` and `npm publish` take: ES modules for browsers, Bun and Node.js with the parts
 * of this workspace that they use inside, and declarations.
 * @param folder absent or empty
 * @throws when the folder holds anything, or a source cannot be built
 */
export async function buildClientPackage(folder: string): Promise<void> {
  const found = await readdir(folder).catch(() => []);
  if (found.length > 0) throw new Error(`${folder} is not empty: name a folder that does not exist`);
  const manifest = (await Bun.file(join(REPOSITORY, "package.json")).json()) as RootManifest;
  await Promise.all([writeModule(join(folder, "dist")), writeDeclarations(join(folder, "types"))]);
  await cp(join(REPOSITORY, "LICENSE"), join(folder, "LICENSE"));
  await cp(join(REPOSITORY, "docs/client.md"), join(folder, "README.md"));
  await Bun.write(join(folder, "package.json"), `${JSON.stringify(manifestOf(manifest), null, 2)}\n`);
}

function manifestOf({ version, license, workspaces: { catalog } }: RootManifest): object {
  const entryOf = (types: string) => ({ types: `./types/${types}.d.ts`, default: "./dist/client.js" });
  const entries = ENTRIES.map((name) => [`./${name}`, entryOf(`client/src/${name}`)]);
  return {
    name: "@shop/client",
    version,
    description: "A typed client of the order-and-delivery API, for browsers, Bun and Node.js",
    license,
    type: "module",
    sideEffects: false,
    engines: { node: ">=20.3" },
    exports: { ".": entryOf("client"), ...Object.fromEntries(entries) },
    files: ["dist", "types"],
    // Its types only: they are derived from the schemas that the services validate with.
    dependencies: { zod: `^${catalog["zod"]}` },
  };
}

/** One module, whatever it is imported as: an error has one class, which `instanceof` knows. */
async function writeModule(outdir: string): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), "client-module-"));
  try {
    const entry = join(scratch, "client.ts");
    await Bun.write(entry, ENTRIES.map((name) => `export * from "${sourceOf(name)}";\n`).join(""));
    // Without `external` Bun would put a substitute for a module of Node.js into the package, unseen.
    const external = ["node:*", ...builtinModules];
    await Bun.build({ entrypoints: [entry], outdir, format: "esm", target: "browser", external });
  } finally {
    await rm(scratch, { recursive: true });
  }
}

async function writeDeclarations(outDir: string): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), "client-types-"));
  try {
    const project = join(scratch, "tsconfig.json");
    const compilerOptions = {
      ...{ noEmit: false, declaration: true, emitDeclarationOnly: true },
      ...{ allowImportingTsExtensions: false, rewriteRelativeImportExtensions: true },
      // As other projects have it: nothing of Bun may be in a declaration.
      ...{ lib: ["ESNext", "DOM", "DOM.Iterable"], types: [], rootDir: SHARED, outDir },
      // As sources, so that their declarations are written as well.
      paths: Object.fromEntries(
        ["contracts", "runtime"].map((name) => [`@shop/${name}/*`, [join(SHARED, name, "src/*.ts")]]),
      ),
    };
    const files = ENTRIES.map(sourceOf);
    const settings = { extends: join(REPOSITORY, "tsconfig.json"), compilerOptions, include: [], files };
    await Bun.write(project, JSON.stringify(settings));
    const compiler = Bun.spawn([process.execPath, TSC, "-p", project], { stdout: "pipe" });
    const [output, exitCode] = await Promise.all([compiler.stdout.text(), compiler.exited]);
    if (exitCode !== 0) throw new Error(`the client's declarations cannot be made:\n${output}`);
  } finally {
    await rm(scratch, { recursive: true });
  }
  for await (const path of new Bun.Glob("**/*.d.ts").scan(outDir)) await nameFiles(outDir, path);
  const entry = ENTRIES.map((name) => `export * from "./client/src/${name}.js";\n`).join("");
  await Bun.write(join(outDir, "client.d.ts"), entry);
}

/** Replaces the names of this workspace's packages, which the package does not depend on, and the sources' extensions. */
async function nameFiles(root: string, path: string): Promise<void> {
  const file = Bun.file(join(root, path));
  const text = await file.text();
  const named = text
    .replace(/"@shop\/([\w-]+)\/([^"]+)"/g, (_, name: string, module: string) => {
      const target = relative(dirname(path), `${name}/src/${module}.js`);
      return `"${target.startsWith(".") ? target : `./${target}`}"`;
    })
    .replace(/"(\.[^"]*)\.ts"/g, '"$1.js"');
  await Bun.write(file, named);
}
