import type { ServiceName } from "@shop/contracts/services";
import type { Participant } from "@shop/service/define-service";
import type { Breach } from "../harness/rules/rules.ts";
import type { Process } from "./process.ts";
import type { Scheduler } from "./scheduler.ts";

/** The most processes that a poison message crashes: one before anything is marked, one with a batch that is marked, two with it alone. */
const MOST_CRASHES = 4;
/** How many processes crash with a message alone in flight before it is taken for poison. */
const LEAST_LONE_CRASHES = 2;
/** Of how many calls of handlers a process may still have the transaction open: one of the consumer, one of a retried dead letter. */
const CALLS_IN_FLIGHT = 2;

/** A message that crashes each process that handles it, from when it is first handled on. */
interface Poison {
  readonly service: ServiceName;
  /** Undefined until a message is handled. */
  messageId: string | undefined;
  crashes: number;
  isCured: boolean;
}

/** The poison messages of a run, and with which messages alone in flight processes crashed. */
export class Poisons {
  readonly #scheduler: Scheduler;
  readonly #all: Poison[] = [];
  /** By message, in how many processes that crashed it was marked or handled last, alone. */
  readonly #loneCrashes = new Map<string, number>();
  readonly #marked = new WeakMap<Process, string>();

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  /** Has one of the messages that a service handles next be poison, unless there was one before. */
  inject(service: ServiceName): void {
    if (this.#all.some((poison) => poison.service === service)) return;
    this.#all.push({ service, messageId: undefined, crashes: 0, isCured: false });
    this.#scheduler.note(`one of the next messages of ${service} is poison`);
  }

  /** Notes the message that a process marked last as alone in flight: it may crash before its handler begins. */
  marked(process: Process, messageId: string): void {
    this.#marked.set(process, messageId);
  }

  /** A participant whose process is crashed by poison messages, and that is watched. */
  within(participant: Participant, process: Process, crash: () => Promise<void>): Participant {
    const alone: string[] = [];
    process.onCrash(() => {
      for (const id of new Set([...alone, this.#marked.get(process) ?? ""]))
        this.#loneCrashes.set(id, (this.#loneCrashes.get(id) ?? 0) + 1);
    });
    return {
      ...participant,
      messaging: {
        ...participant.messaging,
        handlers: (context) => {
          const handlers = participant.messaging.handlers(context);
          return {
            ...handlers,
            handle: (tx, messages) => {
              const [only, ...others] = messages;
              alone.push(...(only && others.length === 0 ? [only.id] : [""]));
              if (alone.length > CALLS_IN_FLIGHT) alone.shift();
              const poison = this.#poisonAmong(
                participant.name,
                messages.map(({ id }) => id),
              );
              if (poison === undefined) return handlers.handle(tx, messages);
              poison.crashes += 1;
              this.#scheduler.note(`${process.name}: poison ${poison.messageId} among ${messages.length}`);
              void this.#scheduler.after(0, undefined, "", crash);
              return new Promise(() => {});
            },
          };
        },
      },
    };
  }

  #poisonAmong(service: string, ids: readonly string[]): Poison | undefined {
    const poison = this.#all.find((each) => each.service === service && !each.isCured);
    if (poison) poison.messageId ??= this.#scheduler.pick(ids);
    return poison?.messageId !== undefined && ids.includes(poison.messageId) ? poison : undefined;
  }

  /** Whether there are any. */
  get any(): boolean {
    return this.#all.length > 0;
  }

  /** Those that may still become dead letters in time. @param letters the messages that are dead letters */
  awaited(deadLetterIds: readonly string[]): readonly string[] {
    return this.#all
      .filter(({ crashes }) => crashes <= MOST_CRASHES)
      .flatMap(({ messageId }) => messageId ?? [])
      .filter((id) => !deadLetterIds.includes(id));
  }

  /** What is deployed from now on can handle all of them. */
  cure(): void {
    for (const poison of this.#all) poison.isCured = true;
  }

  /** @param letters the messages that became dead letters `PROCESS_KILLED`, replayed or not */
  judge(deadLetterIds: readonly string[]): readonly Breach[] {
    const found = this.#all.flatMap(({ messageId }) => messageId ?? []);
    return [
      ...this.#all
        .filter(({ crashes }) => crashes > MOST_CRASHES)
        .map(({ messageId, crashes }) => `the poison message ${messageId} crashed ${crashes} processes`),
      ...found.filter((id) => !deadLetterIds.includes(id)).map((id) => `the poison message ${id} was not recognised`),
      ...deadLetterIds
        .filter((id) => !found.includes(id) && (this.#loneCrashes.get(id) ?? 0) < LEAST_LONE_CRASHES)
        .map((id) => `the message ${id} was taken for poison and crashed nothing`),
    ].map((text): Breach => ({ rule: "I7", text }));
  }
}
