import type { ServiceName } from "@shop/contracts/messages/define";
import type { Participant } from "@shop/service/participant";

/** Which messages handlers fail at: those of one service whose key ends in one of these digits. */
export interface Failing {
  readonly service: ServiceName;
  readonly digits: string;
}

/** A participant whose handlers fail for some keys, as by a mistake of theirs, while `failing` says so. */
export function failingAtTimes(participant: Participant, failing: () => Failing | undefined): Participant {
  return {
    ...participant,
    handlers(context) {
      const handlers = participant.handlers(context);
      return {
        types: handlers.types,
        async handle(tx, messages) {
          const outcome = await handlers.handle(tx, messages);
          const now = failing();
          // After the work, so that what it wrote has to be rolled back.
          const failed = messages.find(
            ({ key }) => now?.service === participant.name && now.digits.includes(key.at(-1) ?? ""),
          );
          if (failed) throw new TypeError(`a mistake in the handler of ${failed.type}`);
          return outcome;
        },
      };
    },
  };
}
