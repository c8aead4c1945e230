import type { DataOf, MessageDefinition } from "@shop/contracts/messages/define";
import type { Transaction } from "@shop/database/connect";
import type { Received } from "./decode.ts";
import type { Outgoing } from "./outgoing.ts";

/**
 * Applies messages in one transaction and gives the messages that follow from them. Each message reaches it once:
 * the inbox has been written in `tx` already. It may run again, in another transaction, when this one is rolled back.
 * @throws Refused for a message that can never be applied
 */
export type Handler<Data = unknown> = (
  tx: Transaction,
  messages: readonly Received<Data>[],
) => Promise<readonly Outgoing[]>;

/** What a service does with messages: the types it takes, and what it does with a batch of them. */
export interface MessageHandlers {
  readonly types: ReadonlySet<string>;
  readonly handle: Handler;
}

/** A message that is well formed but can never be applied, such as a command for an order that does not exist: a dead letter. */
export class Refused extends Error {
  override readonly name = "Refused";
}

export interface Route {
  readonly type: string;
  readonly handle: Handler;
}

/** Binds a handler to a message's definition, so that its data is typed by the schema that has validated it. */
export function on<Definition extends MessageDefinition>(
  definition: Definition,
  handle: Handler<DataOf<Definition>>,
): Route {
  // The only place where the type of the data is asserted: `decode` has parsed it with this very definition.
  return { type: definition.type, handle: handle as Handler };
}

/**
 * Handlers by message type. A batch is cut into groups of one type in which every key stands at most once,
 * and a key's messages keep their order over the groups: so a handler may treat its messages as a set.
 */
export function byType(...routes: readonly Route[]): MessageHandlers {
  const handlers = new Map(routes.map(({ type, handle }) => [type, handle]));
  return {
    types: new Set(handlers.keys()),
    async handle(tx, messages) {
      const sent: Outgoing[] = [];
      for (const { type, members } of groups(messages)) {
        const handle = handlers.get(type);
        if (handle === undefined) throw new Error(`no handler for ${type}`);
        sent.push(...(await handle(tx, members)));
      }
      return sent;
    },
  };
}

interface Group {
  readonly type: string;
  readonly members: Received[];
}

function groups(messages: readonly Received[]): Group[] {
  const result: Group[] = [];
  const nextGroupOfKey = new Map<string, number>();
  for (const message of messages) {
    const earliest = nextGroupOfKey.get(message.key) ?? 0;
    let index = result.findIndex(({ type }, position) => position >= earliest && type === message.type);
    if (index === -1) index = result.push({ type: message.type, members: [] }) - 1;
    result[index]?.members.push(message);
    nextGroupOfKey.set(message.key, index + 1);
  }
  return result;
}
