/** What every answer carries. */
export const requestIdHeader = {
  description: "The request's id: the caller's own `X-Request-Id` when it matches the pattern, else a new one",
  required: true,
  schema: { type: "string", pattern: "^[A-Za-z0-9_-]{8,64}$" },
  example: "0193b3c8-0000-7000-8000-000000000001",
};

export const REQUEST_ID = { "X-Request-Id": { $ref: "#/components/headers/RequestId" } };

/** What a limit of requests says, in the answers that were counted. */
const field = (description: string, example: string) => ({
  description: `${description} (draft-ietf-httpapi-ratelimit-headers-10)`,
  required: false,
  schema: { type: "string" },
  example,
});
export const rateLimitHeaders = {
  RateLimitPolicy: field(
    'The limits that the request was counted by: `"user"` or `"address"`, `q` requests at once, all of them again after `w` seconds',
    '"user";q=100;w=1',
  ),
  RateLimit: field(
    "Of each limit: `r` more requests may come at once, and the whole quota is there again after `t` seconds",
    '"user";r=99;t=1',
  ),
};

export const RATE_LIMIT = {
  "RateLimit-Policy": { $ref: "#/components/headers/RateLimitPolicy" },
  RateLimit: { $ref: "#/components/headers/RateLimit" },
};

/** The present version, where an answer has none of a body of its own to tell it. */
export const ETAG = {
  ETag: {
    description: "The entity tag of the thing as it is",
    required: true,
    schema: { type: "string" },
    example: '"3"',
  },
};
