import { zValidator } from "@hono/zod-validator";
import type { MiddlewareHandler } from "hono";
import { z } from "zod";
import type { Endpoint } from "@shop/contracts/http/define";
import { type FieldError, problem, problemResponse } from "./answer.ts";
import type { RequestVariables, ShopContext } from "./request-id.ts";

type Handler = MiddlewareHandler<{ Variables: RequestVariables }>;

/** The validators of an endpoint's body, query and declared headers, in this order. Each answers 422 by itself. */
export function validatorsOf(endpoint: Endpoint): readonly Handler[] {
  const validators: Handler[] = [];
  if (endpoint.body !== undefined) validators.push(validate("json", endpoint.body));
  validators.push(refuseNameless, endpoint.query === undefined ? refuseAnyQuery : validate("query", endpoint.query));
  if (Object.keys(endpoint.headers).length > 0) validators.push(validate("header", headerSchema(endpoint.headers)));
  return validators;
}

function validate(target: "json" | "query" | "header", schema: z.ZodType): Handler {
  return zValidator(
    target,
    schema,
    (result, c: ShopContext) => {
      if (!result.success) return problemResponse(c, invalidRequest(fieldErrors(result.error.issues)));
    },
    { validationFunction: (_schema, value) => schema.safeParse(value) },
  ) as Handler;
}

const validateNoQuery = validate("query", z.strictObject({}));

/** Most calls without a query schema come without a query: nothing to parse then. */
const refuseAnyQuery: Handler = (c, next) => (c.req.raw.url.includes("?") ? validateNoQuery(c, next) : next());

const nameless = invalidRequest([{ path: "", message: "is not a known field" }]);

/** A parameter without a name (`?=1`), which hono leaves out, is an unknown one too. */
const refuseNameless: Handler = async (c, next) =>
  /[?&]=/.test(c.req.raw.url) ? problemResponse(c, nameless) : next();

function headerSchema(headers: Endpoint["headers"]): z.ZodObject {
  return z.object(Object.fromEntries(Object.entries(headers).map(([name, schema]) => [name, schema.optional()])));
}

function invalidRequest(errors: readonly FieldError[]) {
  return problem("INVALID_REQUEST", "The request breaks the rules of this call; see errors.", { errors });
}

/** One entry per field: an unknown field is named by its own path, not by that of the object around it. */
function fieldErrors(issues: readonly z.core.$ZodIssue[]): FieldError[] {
  return issues.flatMap((issue) => {
    const path = issue.path.map(String);
    if (issue.code !== "unrecognized_keys") return [{ path: path.join("."), message: issue.message }];
    return issue.keys.map((key) => ({ path: [...path, key].join("."), message: "is not a known field" }));
  });
}
