import type { Node, NodeOf, Rule, RuleContext } from "./rule.ts";

type Callback = NodeOf<"ArrowFunctionExpression"> | NodeOf<"FunctionExpression">;

const TRANSACTION_NAME = "tx";
const DATABASE_NAMES = new Set(["db", "database", "sql"]);
const METHODS_THAT_BEGIN = new Set(["transaction", "begin"]);

/**
 * Refuses the outer database inside a transaction: such a statement runs on another connection, and stays when the transaction is rolled back.
 * A transaction is the callback of `inTransaction(db, …)`, `db.transaction(…)` or `sql.begin(…)`, and every function that is given a `tx`.
 */
export const transactionOnly: Rule = {
  create(context) {
    const reported = new Set<Node>();

    function check(callback: Callback): void {
      const outer = databaseOfTransaction(callback, context);
      if (outer === undefined && !takesTransaction(callback)) return;
      for (const { identifier, resolved } of context.sourceCode.getScope(callback).through) {
        const isImported = resolved?.defs.some(({ type }) => type === "ImportBinding") ?? false;
        const path = memberPath(identifier);
        if (isImported || reported.has(identifier) || !namesDatabase(path, outer)) continue;
        reported.add(identifier);
        const message = `${path.join(".")} is not part of the transaction: use what the transaction's callback was given`;
        context.report({ node: identifier, message });
      }
    }

    return { ArrowFunctionExpression: check, FunctionExpression: check, FunctionDeclaration: check };
  },
};

/** What the transaction was begun on, as it is written, when the function is a transaction's callback. */
function databaseOfTransaction(callback: Callback, { sourceCode }: RuleContext): string | undefined {
  const call = callback.parent;
  if (call?.type !== "CallExpression" || !call.arguments.some((argument) => argument === callback)) return undefined;
  const { callee } = call;
  if (callee.type === "Identifier" && callee.name === "inTransaction") {
    const [database] = call.arguments;
    return database && sourceCode.getText(database);
  }
  if (callee.type !== "MemberExpression" || callee.property.type !== "Identifier") return undefined;
  return METHODS_THAT_BEGIN.has(callee.property.name) ? sourceCode.getText(callee.object) : undefined;
}

function takesTransaction({ params }: Callback): boolean {
  return params.some((parameter) => {
    if (parameter.type === "Identifier") return parameter.name === TRANSACTION_NAME;
    if (parameter.type !== "ObjectPattern") return false;
    return parameter.properties.some(({ value }) => value?.type === "Identifier" && value.name === TRANSACTION_NAME);
  });
}

/** `context.db` for the `context` of `context.db.select()`: an identifier and the members read from it, without what is called. */
function memberPath(identifier: Node & { readonly name?: string }): string[] {
  const path = [identifier.name ?? ""];
  let node: Node = identifier;
  for (
    let parent = node.parent;
    parent?.type === "MemberExpression" && parent.object === node;
    parent = parent.parent
  ) {
    const isCalled = parent.parent?.type === "CallExpression" && parent.parent.callee === parent;
    if (isCalled || parent.property.type !== "Identifier" || parent.computed) break;
    path.push(parent.property.name);
    node = parent;
  }
  return path;
}

function namesDatabase(path: readonly string[], outer: string | undefined): boolean {
  return path.some((name, depth) => DATABASE_NAMES.has(name) || path.slice(0, depth + 1).join(".") === outer);
}
