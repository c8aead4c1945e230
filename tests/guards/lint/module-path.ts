import { dirname, join, relative } from "node:path/posix";

const PACKAGE_FOLDERS: ReadonlyMap<string, string> = new Map(
  ["books", "check", "local", "shop"].map((name) => [name, `deploy/${name}`]),
);

/** The path of a file from the root of the repository, with forward slashes. */
export function pathFromRoot(file: string, root: string): string {
  return relative(root.replaceAll("\\", "/"), file.replaceAll("\\", "/"));
}

/** The folder that a file's package has its modules in, with a slash at the end: `services/order/src/`. */
export function sourceFolder(path: string): string {
  const [group = "", name = ""] = path.split("/");
  return group === "tests" ? "tests/" : `${group}/${name}/src/`;
}

/** The module of ours that is imported, by its path from the root, or undefined when it is someone else's. */
export function moduleOfOurs(specifier: string, importer: string): string | undefined {
  if (specifier.startsWith(".")) return join(dirname(importer), specifier);
  if (!specifier.startsWith("@shop/")) return undefined;
  const [, name = "", ...rest] = specifier.split("/");
  return `${packageFolder(name)}/src/${rest.join("/")}.ts`;
}

function packageFolder(name: string): string {
  const service = name.endsWith("-service") ? `services/${name.slice(0, -"-service".length)}` : undefined;
  return PACKAGE_FOLDERS.get(name) ?? service ?? `shared/${name}`;
}
