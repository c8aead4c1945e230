import type { Node, Rule } from "./rule.ts";

const OWNERS = new Set(["process", "Bun"]);

/** Refuses `process.env`, `Bun.env` and `import.meta.env`: a module gets its configuration as an argument. */
export const noEnvironment: Rule = {
  create(context) {
    const refuse = (node: Node): void =>
      context.report({ node, message: "Only main.ts reads the environment: take it as an argument" });
    const isOwner = (node: Node): boolean =>
      (node.type === "Identifier" && OWNERS.has(node.name)) || node.type === "MetaProperty";

    return {
      MemberExpression(node) {
        if (isOwner(node.object) && isNamedEnv(node.property)) refuse(node);
      },
      VariableDeclarator({ id, init }) {
        if (init === null || !isOwner(init) || id.type !== "ObjectPattern") return;
        for (const property of id.properties)
          if (property.type === "Property" && isNamedEnv(property.key)) refuse(property);
      },
      ImportDeclaration({ source, specifiers }) {
        if (!/^(?:bun|(?:node:)?process)$/.test(source.value)) return;
        for (const each of specifiers) if (each.type === "ImportSpecifier" && isNamedEnv(each.imported)) refuse(each);
      },
    };
  },
};

function isNamedEnv(node: Node): boolean {
  return (node.type === "Identifier" && node.name === "env") || (node.type === "Literal" && node.value === "env");
}
