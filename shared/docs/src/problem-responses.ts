import type { Endpoint } from "@shop/contracts/http/define";
import { type MembersOf, problemMembers } from "@shop/contracts/http/problem-members";
import { Problem, type ProblemCode, problemCodes } from "@shop/contracts/http/problem";
import { PROBLEM_JSON, type ProblemAnswer, problemBody } from "@shop/http/request/answer";
import { exampleOf } from "./example.ts";
import { ETAG, RATE_LIMIT, REQUEST_ID } from "./headers.ts";
import { type Json, schemaRef } from "./json-schema.ts";

/** What a code means where a call says nothing of its own about it. */
const generalRefusals = {
  MALFORMED_BODY: "The body cannot be read: not JSON, not UTF-8, or NUL or half of a surrogate pair in it",
  UNAUTHENTICATED: "No valid access token",
  FORBIDDEN: "The caller's role may not do this, or another site's page made the call with a browser's session",
  NOT_FOUND: "Unknown",
  METHOD_NOT_ALLOWED: "Not a method of this path; `Allow` names those that are",
  REQUEST_TIMEOUT: "The body was not whole 10 s after the head of the request; the connection is closed",
  BODY_TOO_LARGE: "The body has more than 262,144 bytes",
  UNSUPPORTED_MEDIA_TYPE: "The body is not application/json in UTF-8, or has a Content-Encoding",
  INVALID_REQUEST:
    "A rule is broken in the body, the query or a header; `errors` names the first 20, `moreErrors` counts the others",
  TOO_MANY_REQUESTS: "Too many requests; `Retry-After` tells when to come again",
  INTERNAL: "A fault of the service",
  UNAVAILABLE: "Something that the call needs is away; `Retry-After` tells when to come again",
} as const satisfies Partial<Record<ProblemCode, string>>;
type GeneralCode = keyof typeof generalRefusals;

const statusOf = (code: ProblemCode) => problemCodes[code].status;
const componentOf = (code: GeneralCode) => `Problem${statusOf(code)}`;

/** The general refusals as components, by the name of their status: no two share one. */
export function problemComponents(schemas: Json): Json {
  const codes = Object.keys(generalRefusals) as readonly GeneralCode[];
  return Object.fromEntries(
    codes.map((code) => [componentOf(code), problemResponse({ [code]: generalRefusals[code] }, schemas)]),
  );
}

/** Every refusal of a call, by status: those of its shape, and those of its own. */
export function problemsOf(endpoint: Endpoint, schemas: Json): Json {
  const texts = new Map<ProblemCode, string>();
  for (const code of shapeRefusals(endpoint)) texts.set(code, generalRefusals[code]);
  for (const [code, text] of Object.entries(endpoint.refusals)) texts.set(code as ProblemCode, text);
  const byStatus = Map.groupBy(texts, ([code]) => statusOf(code));
  return Object.fromEntries(
    [...byStatus].map(([status, refusals]) => {
      const [[code, text] = [undefined, ""]] = refusals;
      const isGeneral =
        refusals.length === 1 && code !== undefined && isGeneralCode(code) && text === generalRefusals[code];
      const answer = isGeneral
        ? { $ref: `#/components/responses/${componentOf(code)}` }
        : problemResponse(Object.fromEntries(refusals), schemas);
      return [status, answer];
    }),
  );
}

const isGeneralCode = (code: ProblemCode): code is GeneralCode => code in generalRefusals;

function shapeRefusals({ path, access, body }: Endpoint): readonly GeneralCode[] {
  return [
    ...(body === undefined
      ? []
      : (["MALFORMED_BODY", "REQUEST_TIMEOUT", "BODY_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE"] as const)),
    ...(access === "anyone" ? [] : (["UNAUTHENTICATED", "FORBIDDEN"] as const)),
    ...(path.includes("{") ? (["NOT_FOUND"] as const) : []),
    ...(["INVALID_REQUEST", "TOO_MANY_REQUESTS", "INTERNAL", "UNAVAILABLE"] as const),
  ];
}

/** The answer with one status: its codes, what each means, and an example of each. */
function problemResponse(refusals: Readonly<Partial<Record<ProblemCode, string>>>, schemas: Json): Json {
  const codes = Object.keys(refusals) as readonly ProblemCode[];
  const [first] = codes;
  if (first === undefined) throw new Error("a refusal without a code");
  const status = statusOf(first);
  return {
    description: codes.map((code) => `${code}: ${refusals[code]}.`).join(" "),
    headers: { ...REQUEST_ID, ...headersOf(status) },
    content: {
      [PROBLEM_JSON]: {
        schema: {
          allOf: [
            problemSchema(schemas),
            { type: "object", properties: { status: { const: status }, code: { enum: codes } } },
            ...codes.flatMap((code) => membersFor(code, codes.length === 1, schemas)),
          ],
        },
        examples: Object.fromEntries(
          codes.map((code) => [
            code,
            { summary: problemCodes[code].title, value: example(code, `${refusals[code]}.`) },
          ]),
        ),
      },
    },
  };
}

/** Problems have further members by their code (RFC 9457, 3.2), so that of all problems must be open to them. */
function problemSchema(schemas: Json): Json {
  const ref = schemaRef(Problem, { io: "output" }, schemas);
  schemas["Problem"] = open(schemas["Problem"] as Json);
  return ref;
}

/** Each part of an `allOf` would refuse what the others describe. */
function open({ additionalProperties: _closed, ...schema }: Json): Json {
  return schema;
}

/** What the problems of a code have beside the members of all, as long as it has something. */
function membersFor(code: ProblemCode, isOnlyCode: boolean, schemas: Json): readonly Json[] {
  if (!hasMembers(code)) return [];
  const members = open(schemaRef(problemMembers[code], { io: "output" }, schemas));
  return [isOnlyCode ? members : { anyOf: [{ properties: { code: { not: { const: code } } } }, members] }];
}

const hasMembers = (code: ProblemCode): code is keyof typeof problemMembers => code in problemMembers;

const RETRY_AFTER = {
  "Retry-After": { description: "Seconds", required: true, schema: { type: "integer", minimum: 1 }, example: 1 },
};

function headersOf(status: number): Json {
  switch (status) {
    case 401:
      return { "WWW-Authenticate": { required: true, schema: { type: "string", const: "Bearer" } } };
    case 405:
      return {
        Allow: {
          description: "The methods of this path",
          required: true,
          schema: { type: "string" },
          example: "GET, HEAD",
        },
      };
    case 412:
      return ETAG;
    case 429:
      return { ...RETRY_AFTER, ...RATE_LIMIT };
    case 503:
      return RETRY_AFTER;
    default:
      return {};
  }
}

function example(code: ProblemCode, detail: string): Problem {
  const errors = [{ path: "items.0.quantity", message: "must be from 1 to 1000" }];
  const refused: ProblemAnswer = {
    kind: "problem",
    code,
    detail,
    ...(statusOf(code) === 422 ? { errors } : {}),
    ...(hasMembers(code) ? { members: exampleOf(problemMembers[code], "output") as MembersOf<typeof code> } : {}),
  };
  return problemBody(refused, "/api/orders", "0193b3c8-0000-7000-8000-000000000001");
}
