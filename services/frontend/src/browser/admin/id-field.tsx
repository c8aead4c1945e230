import { Input } from "../parts/form.tsx";

const ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The id that was typed, once it is whole. */
export const wholeId = (typed: string): string | undefined => (ID.test(typed) ? typed : undefined);

interface IdFieldProps {
  readonly label: string;
  /** What was typed; narrows nothing until it is a whole id. */
  readonly value: string;
  onChange(value: string): void;
}

/** Narrows a list to what has to do with somebody or something, by its id. */
export function IdField({ label, value, onChange }: IdFieldProps) {
  return (
    <Input
      label={label}
      autoComplete="off"
      autoCapitalize="none"
      spellcheck={false}
      maxLength={36}
      value={value}
      onValue={(typed) => onChange(typed.trim())}
    />
  );
}
