import type { DataOf, MessageDefinition } from "@shop/contracts/messages/define";
import type { Transaction } from "@shop/database/connect";
import { ExplainedError } from "@shop/runtime/errors";
import type { Received } from "./decode.ts";
import type { Outgoing } from "../outbox/outgoing.ts";

/**
 * Applies messages in one transaction and gives the messages that follow from them. Each message reaches it once:
 * the inbox has been written in `tx` already. It may run again, in another transaction, when this one is rolled back.
 * @throws MessageRefused for a message that can never be applied
 */
export type Handler<Data = unknown> = (
  tx: Transaction,
  messages: readonly Received<Data>[],
) => Promise<readonly Outgoing[]>;

/** What a service does with messages: the types it takes, and what it does with a batch of them. */
export interface MessageHandlers {
  readonly types: ReadonlySet<string>;
  readonly handle: Handler;
  /**
   * Locks the rows that these messages change, as far as that needs no waiting, and gives the keys of the messages of which another transaction
   * has locked one. It is called before `handle`, in the same transaction, when such a wait has just been seen: what it does not find
   * costs a time-out, and a transaction of its own, per key.
   */
  readonly lockedKeys?: (tx: Transaction, messages: readonly Received[]) => Promise<ReadonlySet<string>>;
}

/** The keys of messages, each once. */
export const keysOf = (messages: readonly Received[]): readonly string[] => [
  ...new Set(messages.map(({ key }) => key)),
];

/** A message that is well formed but can never be applied, such as a command for an order that does not exist: a dead letter. */
export class MessageRefused extends ExplainedError {
  override readonly name = "MessageRefused";
}

export interface HandlerEntry {
  readonly types: readonly string[];
  readonly handle: Handler;
}

/** Binds a handler to a message's definition, so that its data is typed by the schema that has validated it. */
export function on<Definition extends MessageDefinition>(
  definition: Definition,
  handle: Handler<DataOf<Definition>>,
): HandlerEntry {
  // The only place where the type of the data is asserted: `decode` has parsed it with this very definition.
  return { types: [definition.type], handle: handle as Handler };
}

/** Binds one handler to several messages, for what is done the same way for all of them. */
export function onAny(definitions: readonly MessageDefinition[], handle: Handler): HandlerEntry {
  return { types: definitions.map(({ type }) => type), handle };
}

/**
 * Handlers by message type. A batch is cut into groups for one handler in which every key stands at most once,
 * and a key's messages keep their order over the groups: so a handler may treat its messages as a set.
 */
export function byType(...routes: readonly HandlerEntry[]): MessageHandlers {
  const routeOf = new Map(routes.flatMap((route) => route.types.map((type) => [type, route] as const)));
  return {
    types: new Set(routeOf.keys()),
    async handle(tx, messages) {
      const sent: Outgoing[] = [];
      for (const { route, members } of groups(messages, routeOf)) sent.push(...(await route.handle(tx, members)));
      return sent;
    },
  };
}

interface Locks {
  /**
   * Locks rows for a whole batch, before any of its handlers: each handler locks its own in an order of their own, but one handler after the
   * other, and two replicas with batches of several types could wait for each other indefinitely.
   */
  readonly lockFirst?: (tx: Transaction, messages: readonly Received[]) => Promise<void>;
  readonly lockedKeys: NonNullable<MessageHandlers["lockedKeys"]>;
}

/** Handlers with the locks of the rows that they change. */
export function withLocks({ types, handle }: MessageHandlers, { lockFirst, lockedKeys }: Locks): MessageHandlers {
  return {
    types,
    async handle(tx, messages) {
      await lockFirst?.(tx, messages);
      return handle(tx, messages);
    },
    lockedKeys,
  };
}

/** The handlers of one service that have nothing to do with each other: no key has messages for two of them. */
export function combineHandlers(...all: readonly MessageHandlers[]): MessageHandlers {
  return {
    types: new Set(all.flatMap(({ types }) => [...types])),
    async handle(tx, messages) {
      const sent: Outgoing[] = [];
      for (const { types, handle } of all) {
        const own = messages.filter(({ type }) => types.has(type));
        if (own.length > 0) sent.push(...(await handle(tx, own)));
      }
      return sent;
    },
    async lockedKeys(tx, messages) {
      const locked = new Set<string>();
      for (const { types, lockedKeys } of all) {
        const own = messages.filter(({ type }) => types.has(type));
        if (own.length > 0) for (const key of (await lockedKeys?.(tx, own)) ?? []) locked.add(key);
      }
      return locked;
    },
  };
}

interface Group {
  readonly route: HandlerEntry;
  readonly members: Received[];
}

function groups(messages: readonly Received[], routeOf: ReadonlyMap<string, HandlerEntry>): readonly Group[] {
  const result: Group[] = [];
  const nextGroupOfKey = new Map<string, number>();
  for (const message of messages) {
    const route = routeOf.get(message.type);
    if (route === undefined) throw new ExplainedError(`no handler for ${message.type}`);
    const earliest = nextGroupOfKey.get(message.key) ?? 0;
    let index = result.findIndex((group, position) => position >= earliest && group.route === route);
    if (index === -1) index = result.push({ route, members: [] }) - 1;
    result[index]?.members.push(message);
    nextGroupOfKey.set(message.key, index + 1);
  }
  return result;
}
