import type { Rule } from "./rule.ts";

/** Refuses `value as unknown as T`, which lets any value pass for any type. */
export const noDoubleAssertion: Rule = {
  create: (context) => ({
    TSAsExpression(node) {
      if (node.expression.type === "TSAsExpression") {
        context.report({
          node,
          message: "Two assertions in a row check nothing: parse the value, or state its type where it is made",
        });
      }
    },
  }),
};
