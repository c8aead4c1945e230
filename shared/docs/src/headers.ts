/** What every answer carries. */
export const requestIdHeader = {
  description: "The request's id: the caller's own `X-Request-Id` when it matches the pattern, else a new one",
  required: true,
  schema: { type: "string", pattern: "^[A-Za-z0-9_-]{8,64}$" },
  example: "0193b3c8-0000-7000-8000-000000000001",
};

export const REQUEST_ID = { "X-Request-Id": { $ref: "#/components/headers/RequestId" } };

/** The present version, where an answer has none of a body of its own to tell it. */
export const ETAG = {
  ETag: {
    description: "The entity tag of the thing as it is",
    required: true,
    schema: { type: "string" },
    example: '"3"',
  },
};
