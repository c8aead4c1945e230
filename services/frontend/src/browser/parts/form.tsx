import type { ComponentChildren, InputHTMLAttributes } from "preact";
import { useAttempt } from "../attempt.ts";
import { Field } from "./field.tsx";
import { ErrorNotice } from "./states.tsx";

interface FormProps {
  /** What its button says, and while it is being sent. */
  readonly label: string;
  readonly busyLabel?: string;
  readonly isDanger?: boolean;
  send(): Promise<void>;
  /** The fields; they are given why the last attempt was refused, and what does something else in the place of sending. */
  children(error: unknown, run: (work: () => Promise<void>) => Promise<void>): ComponentChildren;
}

/** Fields and the button that sends them, with what was wrong above it. */
export function Form({ label, busyLabel = label, isDanger = false, send, children }: FormProps) {
  const { isBusy, error, run } = useAttempt();
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (!isBusy) void run(send);
      }}
    >
      {children(error, run)}
      {error === undefined ? null : <ErrorNotice error={error} />}
      <button class={isDanger ? "button danger solid wide" : "button primary wide"} disabled={isBusy}>
        {isBusy ? busyLabel : label}
      </button>
    </form>
  );
}

const TYPES = { text: { type: "text" }, password: { type: "password" }, number: { type: "number" } } as const;

interface InputProps extends Pick<
  InputHTMLAttributes,
  "name" | "inputMode" | "autoComplete" | "autoCapitalize" | "spellcheck" | "required" | "min" | "step" | "maxLength"
> {
  readonly label: string;
  readonly type?: keyof typeof TYPES;
  readonly hint?: string | undefined;
  readonly error?: string | undefined;
  readonly value: string;
  onValue(value: string): void;
}

/** One line to fill in, with its label, hint and what is wrong with it. */
export function Input({ label, hint, error, type = "text", value, onValue, ...rest }: InputProps) {
  return (
    <Field label={label} hint={hint} error={error}>
      {(ids) => (
        <input
          dir="auto"
          {...ids}
          {...TYPES[type]}
          {...rest}
          value={value}
          onInput={(event) => onValue(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}
