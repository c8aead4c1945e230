/**
 * An error whose message may be shown to operators and callers, logged and stored. Its message is a sentence of ours that holds no value which came
 * from outside or goes to the database: no parameter, credential, address of a customer, or part of a message. The messages of all other errors are never
 * written anywhere (`describeError`).
 */
export class ExplainedError extends Error {
  override readonly name: string = "ExplainedError";

  /** The message: use it, and not `message`, so that the type checker knows that it may be shown. */
  get explanation(): string {
    return this.message;
  }
}

/** What may be told of an error: `name`, and as far as it has them `code`, `message`, `statement`, names of the schema, servers, `stack` and `cause`. */
export type ErrorFacts = Readonly<Record<string, unknown>>;

/** Names and codes as libraries and PostgreSQL make them. */
const WORD = /^[\w$.-]{1,80}$/;
/** Host names and IP addresses. */
const HOST = /^[\w.:-]{1,253}$/;
const MAX_STATEMENT_CHARACTERS = 300;
const MAX_CAUSES = 5;
const MAX_ISSUES = 10;
/**
 * SQLSTATE classes (PostgreSQL, appendix A) whose primary message names objects of the schema, the session or the server's own state. Others quote
 * values, such as 22 (`invalid input syntax for type uuid: "…"`), or are free text (P0, XX). `DETAIL` and `CONTEXT` quote whole rows in any class.
 */
const MESSAGE_WITHOUT_VALUES = /^(0[8A]|2[1358]|3D|40|42|5[34578])/;
/** Facts of PostgreSQL's errors, as postgres.js names them: names of the schema, which are ours. */
const SCHEMA_FACTS = { table: "table_name", column: "column_name", constraint: "constraint_name" } as const;
/** Facts of system errors and of kafkajs': what was called, and on which server. */
const CALL_FACTS = {
  syscall: "syscall",
  address: "address",
  hostname: "hostname",
  port: "port",
  broker: "broker",
} as const;
/** What Kafka's protocol calls an error, such as NOT_LEADER_FOR_PARTITION. */
const KAFKA_TYPE = /^[A-Z_]{1,80}$/;
const FRAME = /^ {4}at \S.{0,500}$/;

/**
 * Tells of an error what can be told whatever failed: its name, code, place in the code, the failed statement without its parameters, constraint and table.
 * This, `errorText` and `errorTextWithStack` are the only ways by which an error becomes text.
 * @param withStack for what should not have happened
 */
export function describeError(error: unknown, withStack = false): ErrorFacts {
  return factsOf(error, withStack, 0);
}

/**
 * The same in one line, for a dead letter, a saga's history, a check's outcome or a sentence to a caller. Of an error that has nothing but a name it
 * tells where in the code it was thrown.
 */
export function errorText(error: unknown): string {
  const facts = describeError(error);
  const frame = Object.keys(facts).length > 1 || !(error instanceof Error) ? undefined : framesOf(error);
  return textOf(frame === undefined ? facts : { ...facts, at: frame.split("\n", 1)[0]?.replace(/^ *at /, "") });
}

/** The same with the place in the code where it was thrown, over several lines. */
export function errorTextWithStack(error: unknown): string {
  const frames = error instanceof Error ? framesOf(error) : undefined;
  return frames === undefined ? errorText(error) : `${errorText(error)}\n${frames}`;
}

function factsOf(error: unknown, withStack: boolean, depth: number): ErrorFacts {
  if (!(error instanceof Error)) return { name: error === null ? "null" : typeof error };
  const given = error as Error & Readonly<Record<string, unknown>>;
  const code = isWord(given["code"]) || typeof given["code"] === "number" ? given["code"] : undefined;
  const isPostgres = typeof given["severity"] === "string" && typeof code === "string";
  const mayShow = error instanceof ExplainedError || (isPostgres && MESSAGE_WITHOUT_VALUES.test(code));
  // Drizzle's message holds the statement with all of its parameters: a batch of orders with the addresses of their customers.
  const statement = Array.isArray(given["params"]) ? given["query"] : undefined;
  const issues = given["issues"];
  const facts = {
    name: nameOf(error),
    code,
    message: mayShow ? error.message : undefined,
    statement: typeof statement === "string" ? shortened(statement) : undefined,
    ...(isPostgres && picked(given, SCHEMA_FACTS, WORD)),
    ...picked(given, CALL_FACTS, HOST),
    ...picked(given, { type: "type" }, KAFKA_TYPE),
    issues: isIssues(issues) ? issuesText(issues) : undefined,
    stack: withStack ? framesOf(error) : undefined,
    cause: error.cause === undefined || depth === MAX_CAUSES ? undefined : factsOf(error.cause, withStack, depth + 1),
  };
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined));
}

function textOf({ name, message, code, cause, ...rest }: ErrorFacts): string {
  const head = [message, code, name].find((text) => typeof text === "string") ?? "Error";
  const facts = Object.entries(head === code ? rest : { code, ...rest }).flatMap(([fact, value]) =>
    typeof value === "string" || typeof value === "number" ? [`${fact} ${value}`] : [],
  );
  const own = `${head}${facts.length === 0 ? "" : ` (${facts.join(", ")})`}`;
  return cause === undefined ? own : `${own}, caused by ${textOf(cause as ErrorFacts)}`;
}

interface Issue {
  readonly code?: string | undefined;
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/**
 * What a schema of zod found wrong, without the value: path and what is expected there. Of keys that the schema does not know only that there are some:
 * their names are the sender's.
 */
export function issuesText(issues: readonly Issue[]): string {
  const texts = issues.slice(0, MAX_ISSUES).map(({ path, code, message }) => {
    const place = path.map((part) => (isWord(String(part)) ? String(part) : "?")).join(".") || "(whole)";
    return `${place}: ${code === "unrecognized_keys" ? "has keys that are not known" : message}`;
  });
  return [...texts, ...(issues.length > MAX_ISSUES ? [`and ${issues.length - MAX_ISSUES} more`] : [])].join("; ");
}

function isIssues(value: unknown): value is readonly Issue[] {
  return Array.isArray(value) && value.every((one) => Array.isArray(one?.path) && typeof one.message === "string");
}

const isWord = (value: unknown): value is string => typeof value === "string" && WORD.test(value);

function nameOf(error: Error): string {
  const name = error.name === "Error" ? error.constructor.name : error.name;
  return isWord(name) ? name : "Error";
}

/** Those facts whose values are of the expected form. */
function picked(
  given: Readonly<Record<string, unknown>>,
  keys: Readonly<Record<string, string>>,
  form: RegExp,
): Record<string, string | number> {
  return Object.fromEntries(
    Object.entries(keys).flatMap(([fact, key]) => {
      const value = given[key];
      return typeof value === "number" || (typeof value === "string" && form.test(value)) ? [[fact, value]] : [];
    }),
  );
}

function shortened(statement: string): string {
  const line = statement.replaceAll(/\s+/g, " ").trim();
  return line.length > MAX_STATEMENT_CHARACTERS ? `${line.slice(0, MAX_STATEMENT_CHARACTERS)}…` : line;
}

/** A stack begins with the message, over as many lines as that has; a line of it may look like a frame. */
function framesOf({ stack = "", message }: Error): string | undefined {
  const start = message === "" ? -1 : stack.indexOf(message);
  const below = start === -1 ? stack : stack.slice(start + message.length);
  const frames = below.split("\n").filter((line) => FRAME.test(line));
  return frames.length === 0 ? undefined : frames.join("\n");
}
