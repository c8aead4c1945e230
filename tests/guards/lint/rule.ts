import type { RuleTester } from "oxlint/plugins-dev";

/** A lint rule as oxlint loads it. oxlint exports its types only as what its tester takes. */
export type Rule = Extract<Parameters<RuleTester["run"]>[1], { create: unknown }>;
export type RuleContext = Parameters<Rule["create"]>[0];
type Visitor = ReturnType<Rule["create"]>;

/** A node of the syntax tree, by the name that visitors have for its type. */
export type NodeOf<Type extends string> = Parameters<NonNullable<Visitor[Type]>>[0];
export type Node = Parameters<RuleContext["sourceCode"]["getScope"]>[0];
