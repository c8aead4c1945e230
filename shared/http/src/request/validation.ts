import { zValidator } from "@hono/zod-validator";
import type { MiddlewareHandler } from "hono";
import { z } from "zod";
import type { Endpoint } from "@shop/contracts/http/define";
import { type FieldError, problem, problemResponse } from "./answer.ts";
import type { RequestVariables, ShopContext } from "../server/request-id.ts";

/** Checks a part of a request, and keeps what was parsed with it. @returns the 422 of one that breaks its schema */
type Validator = (c: ShopContext) => Response | undefined | Promise<Response | undefined>;

/** The validators of an endpoint's body, query and declared headers, in this order. */
export function validatorsOf(endpoint: Endpoint): readonly Validator[] {
  const validators: Validator[] = [];
  if (endpoint.body !== undefined) validators.push(validate("json", endpoint.body));
  validators.push(refuseNameless, endpoint.query === undefined ? refuseAnyQuery : validate("query", endpoint.query));
  if (Object.keys(endpoint.headers).length > 0) validators.push(validate("header", headerSchema(endpoint.headers)));
  return validators;
}

function validate(target: "json" | "query" | "header", schema: z.ZodType): Validator {
  const check = zValidator(
    target,
    schema,
    (result, c: ShopContext) => {
      if (!result.success) return problemResponse(c, invalidRequest(fieldErrors(result.error.issues)));
    },
    { validationFunction: (_schema, value) => schema.safeParse(value) },
  ) as MiddlewareHandler<{ Variables: RequestVariables }>;
  return async (c) => (await check(c, goOn)) ?? undefined;
}

const goOn = () => Promise.resolve();

const validateNoQuery = validate("query", z.strictObject({}));

/** Most calls without a query schema come without a query: nothing to parse then. */
const refuseAnyQuery: Validator = (c) => (c.req.raw.url.includes("?") ? validateNoQuery(c) : undefined);

const nameless = invalidRequest([{ path: "", message: "is not a known field" }]);

/** A parameter without a name (`?=1`), which hono leaves out, is an unknown one too. */
const refuseNameless: Validator = (c) => (/[?&]=/.test(c.req.raw.url) ? problemResponse(c, nameless) : undefined);

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
