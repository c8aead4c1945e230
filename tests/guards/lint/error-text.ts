import type { Node, NodeOf, Rule, RuleContext } from "./rule.ts";

const WHOLE_TEXT = new Set(["message", "stack", "toString"]);
/** What errors are called, where they are not caught in the same function. */
const NAME_OF_ERROR = /^(?:err|error|reason|cause|failure|fault|problem)$/i;

/**
 * Refuses an error as text: `error.message`, `error.stack`, `String(error)`, `` `${error}` ``, and the same of a `cause`. Messages of libraries hold bind
 * parameters, bodies and addresses with passwords; `@shop/runtime/errors` tells what may be told. Errors are what a `catch` or a callback of
 * `.catch()` is given, and what is called so.
 */
export const errorText: Rule = {
  create(context) {
    const refuse = (node: Node): void =>
      context.report({
        node,
        message:
          "An error's text may hold secrets: use errorText() or log the error itself, or the explanation of an ExplainedError",
      });
    const isError = (node: Node): boolean => namesError(node, context);

    return {
      MemberExpression(node) {
        const { object, property, computed } = node;
        const name = property.type === "Identifier" && !computed ? property.name : undefined;
        if (name !== undefined && WHOLE_TEXT.has(name) && isError(object)) refuse(node);
      },
      VariableDeclarator({ id, init }) {
        if (init === null || id.type !== "ObjectPattern" || !isError(init)) return;
        for (const property of id.properties) {
          if (property.type !== "Property" || property.key.type !== "Identifier") continue;
          if (WHOLE_TEXT.has(property.key.name)) refuse(property);
        }
      },
      CallExpression(node) {
        const [argument] = node.arguments;
        const isString = node.callee.type === "Identifier" && node.callee.name === "String";
        if (isString && argument !== undefined && isError(argument)) refuse(node);
      },
      TemplateLiteral({ expressions }) {
        for (const expression of expressions) if (isCaught(expression, context)) refuse(expression);
      },
      BinaryExpression({ operator, left, right }) {
        if (operator !== "+") return;
        for (const side of [left, right]) if (isCaught(side, context)) refuse(side);
      },
    };
  },
};

function namesError(given: Node, context: RuleContext): boolean {
  const node = given.type === "TSAsExpression" ? given.expression : given;
  if (node.type === "MemberExpression") return node.property.type === "Identifier" && node.property.name === "cause";
  return node.type === "Identifier" && (NAME_OF_ERROR.test(node.name) || isCaught(node, context));
}

/** Whether it is the very thing that a `catch` clause, or the callback of a `.catch()`, was given. */
function isCaught(node: Node, { sourceCode }: RuleContext): boolean {
  if (node.type !== "Identifier") return false;
  for (let scope = sourceCode.getScope(node) as ScopeOrNull; scope !== null; scope = scope.upper) {
    const definition = scope.set.get(node.name)?.defs[0];
    if (definition === undefined) continue;
    return definition.type === "CatchClause" || (definition.type === "Parameter" && isCatchCallback(definition.node));
  }
  return false;
}

type ScopeOrNull = ReturnType<RuleContext["sourceCode"]["getScope"]> | null;

function isCatchCallback(callback: Node): boolean {
  const call = callback.parent as NodeOf<"CallExpression"> | undefined;
  if (call?.type !== "CallExpression" || call.callee.type !== "MemberExpression") return false;
  return call.callee.property.type === "Identifier" && call.callee.property.name === "catch";
}
