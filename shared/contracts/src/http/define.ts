import { z } from "zod";
import type { ServiceName } from "../services.ts";
import type { ProblemCode } from "./problem.ts";

export const roles = ["customer", "rider", "admin"] as const;
export type Role = (typeof roles)[number];

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/**
 * One call of the public API: where it is, who may make it, what it takes and what it answers.
 * The services validate with it, the gateway routes and authenticates by it, and the OpenAPI document is generated from it.
 */
export interface Endpoint<
  Body extends z.ZodType | undefined = z.ZodType | undefined,
  Query extends z.ZodType | undefined = z.ZodType | undefined,
  Success extends z.ZodType | undefined = z.ZodType | undefined,
> {
  /** The OpenAPI operationId, unique. */
  readonly name: string;
  /** Who answers it; `participants`: each service that takes part in the messaging, `all`: each service, for its own part. */
  readonly service: ServiceName | "participants" | "all";
  readonly method: Method;
  /** With parameters in braces: `/api/orders/{id}`. */
  readonly path: `/${string}`;
  readonly summary: string;
  /** `anyone` needs no token and ignores a bad one. */
  readonly access: "anyone" | readonly Role[];
  readonly body: Body;
  readonly query: Query;
  /** Optional request headers, by their lower-case name. */
  readonly headers: Readonly<Record<string, z.ZodType<string>>>;
  /**
   * The answer when all went well. `schema` is undefined where the answer has no body.
   * With `stream` it is a stream of Server-Sent Events, and `schema` is that of the data of one.
   */
  readonly success: {
    readonly status: 200 | 201 | 202 | 204;
    readonly schema: Success;
    readonly stream?: true;
    /** Headers of this answer beside those of every answer, by their lower-case name; an optional one may be missing. */
    readonly headers?: Readonly<Record<string, z.ZodType<string | undefined>>>;
  };
  /** What this call's own refusals mean, by their code, beside those that every call of its shape can give. */
  readonly refusals: Readonly<Partial<Record<ProblemCode, string>>>;
}

type Given<
  Body extends z.ZodType | undefined,
  Query extends z.ZodType | undefined,
  Success extends z.ZodType | undefined,
> = Omit<Endpoint<Body, Query, Success>, "body" | "query" | "headers" | "refusals"> & {
  body?: Body;
  query?: Query;
  headers?: Endpoint["headers"];
  refusals?: Endpoint["refusals"];
};

export function defineEndpoint<
  Success extends z.ZodType | undefined,
  Body extends z.ZodType | undefined = undefined,
  Query extends z.ZodType | undefined = undefined,
>(given: Given<Body, Query, Success>): Endpoint<Body, Query, Success> {
  return {
    headers: {},
    refusals: {},
    ...given,
    body: given.body as Body,
    query: given.query as Query,
  };
}

/** One entity tag of RFC 9110, section 8.8.3: visible characters in quotation marks, weak with `W/` in front. */
const TAG = String.raw`(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"`;
/** `*`, or entity tags with commas between them; a list may have empty places. No text matches it in two ways, so that a long one costs no more than its length. */
const TAGS = new RegExp(String.raw`^(?:\*|[ \t,]*${TAG}(?:[ \t]*,[ \t,]*${TAG})*[ \t,]*)$`);

export const EntityTag = z.string().regex(new RegExp(`^${TAG}$`));
const EntityTags = z.string().regex(TAGS, 'must be "*" or entity tags in quotation marks, such as "3"');

/** The preconditions that a call on something with an `ETag` takes (RFC 9110, section 13.1). */
export const conditionalHeaders = {
  "if-match": EntityTags.meta({
    description: "Only if the thing still has one of these entity tags; `*`: whichever it has. Else 412",
    examples: ['"3"'],
  }),
  "if-none-match": EntityTags.meta({
    description:
      "Only if the thing has none of these entity tags; `*`: none at all. Else 304 for a GET, 412 for a change",
    examples: ['"2"'],
  }),
} as const;

/** A call that is answered with Server-Sent Events until there is nothing more to tell. */
export type EventStreamEndpoint<Event extends z.ZodType = z.ZodType> = Endpoint<undefined, undefined, Event> & {
  readonly success: { readonly stream: true };
};

/** The id of the last event that the caller has: the stream continues behind it. Ids grow by one per event. */
const LastEventId = z
  .string()
  .regex(/^(0|[1-9][0-9]{0,8})$/, "must be the id of an event of this stream, or 0 for all of it")
  .meta({ description: "The id of the last event seen: the stream resumes after it; 0 begins with the first one" });

/** Defines a call whose answer is a stream of events that can be resumed by `Last-Event-ID`. */
export function defineEventStream<Event extends z.ZodType>(
  given: Omit<Given<undefined, undefined, Event>, "method" | "success" | "body" | "query" | "headers"> & {
    readonly event: Event;
  },
): EventStreamEndpoint<Event> {
  const { event, ...facts } = given;
  const headers = { "last-event-id": LastEventId };
  const success = { status: 200, schema: event, stream: true } as const;
  return { ...defineEndpoint<Event>({ ...facts, method: "GET", headers, success }), success };
}
