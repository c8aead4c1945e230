import { useState } from "preact/hooks";
import { useApp } from "./app-state.ts";
import { errorText } from "./parts/states.tsx";

/** Something that a person does, which takes a moment and may fail. */
interface Attempt {
  readonly isBusy: boolean;
  /** Why the last one failed; undefined when it did not. */
  readonly error: unknown;
  run(work: () => Promise<void>): Promise<void>;
}

/** A deed whose failure is shown beside it. */
export function useAttempt(): Attempt {
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  async function run(work: () => Promise<void>): Promise<void> {
    setBusy(true);
    setError(undefined);
    try {
      await work();
    } catch (failure) {
      setError(failure);
    }
    setBusy(false);
  }
  return { isBusy, error, run };
}

/** A deed whose failure is said for a moment. */
export function useDeed(): Omit<Attempt, "error"> {
  const { texts, announce } = useApp();
  const { isBusy, run } = useAttempt();
  return {
    isBusy,
    run: (work) =>
      run(async () => {
        try {
          await work();
        } catch (error) {
          announce(errorText(texts, error));
        }
      }),
  };
}
