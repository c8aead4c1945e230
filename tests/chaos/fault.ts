import type { Habits } from "../harness/load/load.ts";
import type { Rule } from "../harness/rules/rules.ts";
import type { Needs, Stage } from "../harness/stage/stage.ts";

/** How many orders, completions and cancels were answered with success. */
export interface Least {
  readonly placed: number;
  readonly completed: number;
  readonly cancelled: number;
}

/** One kind of fault, by its number in the list. */
export interface Fault {
  readonly number: number;
  /** A word or two. */
  readonly name: string;
  /** A sentence: what is done to whom. */
  readonly what: string;
  /** What must hold nevertheless. */
  readonly rules: readonly Rule[];
  readonly needs: Needs;
  /**
   * How long a full run is, in milliseconds, and how often the fault must have taken effect in it. A run of another length must have its part of
   * the effects, and continues for up to three times its length until it has.
   */
  readonly full: { readonly forMs: number; readonly effects: number };
  /** Whether it can be mixed with others in one run, each for a few seconds. */
  readonly mixes: boolean;
  /** How long a turn is, and the calm after it, in milliseconds; 5 s each by default. */
  readonly onMs?: number;
  readonly offMs?: number;
  /** In place of `onMs`, for one turn that is as long as the run. */
  readonly lasts?: "the whole run";
  readonly habits?: Partial<Habits>;
  /** Stocks of the products that are ordered; three with plenty and one with little by default. */
  readonly stocks?: readonly number[];
  /** What this machine lacks for it, as a sentence; nothing when it can be run. */
  readonly missing?: () => string | undefined;
  /** Statuses that any call may be answered with by this fault, beside those that it may always be. */
  readonly mayAnswer?: readonly number[];
  /** Whether orders may time out by it. */
  readonly mayTimeOut?: boolean;
  /** What must have been done at least in a full run, where it is not what it must be for other faults. */
  readonly least?: Least;
  /** What of the answers breaks a rule of this fault alone. */
  readonly answers?: "no server errors" | "orders are always taken" | "refused early";
  /** Injects the fault for one turn and reverts it before it resolves. */
  strike(stage: Stage, turn: Turn): Promise<void>;
}

/** One turn of a fault. */
export interface Turn {
  /** From 0 to 1, by the seed. */
  readonly random: () => number;
  pick<Item>(items: readonly Item[]): Item;
  readonly onMs: number;
  /** Aborted when the turn is over. */
  readonly over: AbortSignal;
  /** Sleeps, or until the turn is over. */
  wait(ms: number): Promise<void>;
  /**
   * Records what was done.
   * @param effects how often it took effect: attempts that came to nothing do not count
   */
  did(what: string, effects?: number): void;
  /** Records what broke a promise of the system that only this fault looks at. */
  broke(what: string): void;
  /** A record of the harness that must become a dead letter of each of its readers. */
  injected(place: { readonly topic: string; readonly partition: number; readonly offset: string }): void;
  /** A message that the harness has brought before those that went before it. */
  broughtForward(messageId: string): void;
}

export const EVERYTHING: readonly Rule[] = ["I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8"];
