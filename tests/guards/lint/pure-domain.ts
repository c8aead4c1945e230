import type { Node, Rule } from "./rule.ts";

const IMPURE_GLOBALS = new Set([
  "Bun",
  "crypto",
  "fetch",
  "performance",
  "process",
  "queueMicrotask",
  "setInterval",
  "setTimeout",
]);
const IMPURE_MEMBERS = new Set(["Date.now", "Math.random"]);

/** Refuses clock, chance and I/O: the rules of the domain take them as arguments. */
export const pureDomain: Rule = {
  create(context) {
    const refuse = (node: Node, what: string): void =>
      context.report({ node, message: `The domain takes time, ids and the world as arguments: ${what} is none` });

    return {
      NewExpression(node) {
        if (node.callee.type === "Identifier" && node.callee.name === "Date" && node.arguments.length === 0)
          refuse(node, "new Date()");
      },
      MemberExpression(node) {
        if (node.object.type !== "Identifier" || node.property.type !== "Identifier") return;
        const name = `${node.object.name}.${node.property.name}`;
        if (IMPURE_MEMBERS.has(name)) refuse(node, name);
      },
      Program(node) {
        for (const { identifier, resolved } of context.sourceCode.getScope(node).through) {
          if ((resolved?.defs.length ?? 0) === 0 && IMPURE_GLOBALS.has(identifier.name))
            refuse(identifier, identifier.name);
        }
      },
    };
  },
};
