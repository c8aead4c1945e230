import type { ServiceName } from "@shop/contracts/services";
import type { Received } from "@shop/messaging/inbox/decode";
import type { Participant } from "@shop/service/define-service";

/** Which messages handlers fail at. */
export interface Failing {
  readonly service: ServiceName;
  /** Whether they fail at this message now; each time it is asked is one try. */
  readonly failsAt: (message: Received) => boolean;
}

/** All messages whose keys end in one of these digits, for as long as it lasts. */
export const atKeys =
  (digits: string): Failing["failsAt"] =>
  ({ key }) =>
    digits.includes(key.at(-1) ?? "");

/** The first tries of each message whose id ends in one of these digits, however many its key has: so of one key some fail that waited for others. */
export function atFirstTries(digits: string, triesOf: () => number): Failing["failsAt"] {
  const left = new Map<string, number>();
  return ({ id }) => {
    if (!digits.includes(id.at(-1) ?? "")) return false;
    const tries = left.get(id) ?? triesOf();
    left.set(id, tries - 1);
    return tries > 0;
  };
}

/** A participant whose handlers fail for some messages, as by a mistake of theirs, while `failing` says so. */
export function failingAtTimes(participant: Participant, failing: () => Failing | undefined): Participant {
  return {
    ...participant,
    messaging: {
      ...participant.messaging,
      handlers(context) {
        const handlers = participant.messaging.handlers(context);
        return {
          ...handlers,
          async handle(tx, messages) {
            const outcome = await handlers.handle(tx, messages);
            const now = failing();
            // After the work, so that what it wrote has to be rolled back.
            const failed = now?.service === participant.name ? messages.find(now.failsAt) : undefined;
            if (failed) throw new TypeError(`a mistake in the handler of ${failed.type}`);
            return outcome;
          },
        };
      },
    },
  };
}
