import type { endpoints } from "@shop/contracts/http/endpoints";
import type { EventStreamEndpoint } from "@shop/contracts/http/define";
import type { z } from "zod";
import type { routes } from "./routes.ts";

export type Endpoints = typeof endpoints;
export type CallName = keyof Endpoints;

type HasId<Name extends CallName> = (typeof routes)[Name]["path"] extends `${string}{id}${string}` ? true : false;

/** A query as a program gives it: a limit may be the number that it means. */
type QueryGiven<Schema extends z.ZodType> = {
  readonly [Key in keyof z.input<Schema>]: z.input<Schema>[Key] | (Key extends "limit" ? number : never);
};

type IdArguments<Name extends CallName> = HasId<Name> extends true ? [id: string] : [];
type BodyArguments<Name extends CallName> = Endpoints[Name]["body"] extends z.ZodType
  ? [body: z.input<Endpoints[Name]["body"]>]
  : Endpoints[Name]["query"] extends z.ZodType
    ? [query?: QueryGiven<Endpoints[Name]["query"]>]
    : [];

/** What any call can be given beside its own arguments. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** For a call that takes one; without it the client makes one of its own, so that it can repeat the call. */
  readonly idempotencyKey?: string;
}

/** What a call that changes something with a version can be given. */
export interface VersionedCallOptions extends CallOptions {
  /** The version that the caller has seen: the change is made to it or not at all, which is a ProblemError `VERSION_MISMATCH`. */
  readonly ifVersion?: number | undefined;
}

/** What watching can be given. */
export interface WatchOptions {
  readonly signal?: AbortSignal;
  /** The id of the last event that was seen; 0 for all that there have been. Without it the state now comes first. */
  readonly lastEventId?: number;
  /** Told when events can come from now on, and when they cannot, because the connection has broken. */
  readonly onConnection?: (isLive: boolean) => void;
  /** How many connections in a row may break soon and without having told anything, before watching gives up; 10 by default. */
  readonly breaks?: number;
}

/** One event of a stream, with the id by which the stream resumes after it. */
export type Numbered<Event> = Event & { readonly id: number };

type AnswerOf<Name extends CallName> = Endpoints[Name]["success"]["schema"] extends z.ZodType
  ? z.output<Endpoints[Name]["success"]["schema"]>
  : undefined;

/** One call of the API as a function: the `{id}` of its path, then its body or query, then options. */
export type Call<Name extends CallName> = Endpoints[Name] extends EventStreamEndpoint
  ? (...given: [...IdArguments<Name>, options?: WatchOptions]) => AsyncIterable<Numbered<AnswerOf<Name>>>
  : (...given: [...IdArguments<Name>, ...BodyArguments<Name>, options?: OptionsOf<Name>]) => Promise<AnswerOf<Name>>;

type OptionsOf<Name extends CallName> = (typeof routes)[Name]["version"] extends true
  ? VersionedCallOptions
  : CallOptions;

/** Every call of the API, typed by the schemas that its services validate with. */
export type Calls = { readonly [Name in CallName]: Call<Name> };
