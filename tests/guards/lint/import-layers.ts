import { LAYERS, type Layer, TEST_SUPPORT } from "./layers.ts";
import { moduleOfOurs, pathFromRoot, sourceFolder } from "./module-path.ts";
import type { Node, NodeOf, Rule } from "./rule.ts";

/** Refuses an import that the file's layer does not name. */
export const importLayers: Rule = {
  create(context) {
    const file = pathFromRoot(context.filename, context.cwd);
    const layer = LAYERS.find(({ files }) => files.test(file));

    function check(node: Node, specifier: string, onlyTypes: boolean): void {
      const reason = layer === undefined ? `${file} is in no layer` : refusal(layer, file, specifier, onlyTypes);
      if (reason !== null) context.report({ node, message: reason });
    }

    return {
      ImportDeclaration: (node) => check(node.source, node.source.value, importsOnlyTypes(node)),
      ExportAllDeclaration: (node) => check(node.source, node.source.value, node.exportKind === "type"),
      ExportNamedDeclaration: ({ source, exportKind }) => {
        if (source !== null) check(source, source.value, exportKind === "type");
      },
      ImportExpression: ({ source }) => {
        if (source.type === "Literal" && typeof source.value === "string") check(source, source.value, false);
      },
    };
  },
};

function refusal(layer: Layer, file: string, specifier: string, onlyTypes: boolean): string | null {
  const ours = moduleOfOurs(specifier, file);
  const isAllowed = ours === undefined ? allowsPackage(layer, specifier) : allowsModule(layer, file, ours, onlyTypes);
  return isAllowed ? null : `${layer.name} must not import ${ours ?? specifier}`;
}

function allowsPackage({ packages }: Layer, specifier: string): boolean {
  if (packages === "any") return true;
  return packages.some((name) => specifier === name || specifier.startsWith(name.endsWith(":") ? name : `${name}/`));
}

function allowsModule(layer: Layer, file: string, path: string, onlyTypes: boolean): boolean {
  if (TEST_SUPPORT.test(path) && layer.isTest === undefined) return false;
  const allowed = onlyTypes ? [...layer.modules, ...(layer.types ?? [])] : layer.modules;
  return allowed.some((entry) => covers(entry.replace(/^\.\//, sourceFolder(file)), path));
}

function covers(entry: string, path: string): boolean {
  return entry.endsWith("/") ? path.startsWith(entry) : path === entry;
}

function importsOnlyTypes({ importKind, specifiers }: NodeOf<"ImportDeclaration">): boolean {
  if (importKind === "type") return true;
  return (
    specifiers.length > 0 && specifiers.every((each) => each.type === "ImportSpecifier" && each.importKind === "type")
  );
}
