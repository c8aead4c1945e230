import { useApp } from "../app-state.ts";
import { Field } from "../parts/field.tsx";

interface SelectProps<Value extends string> {
  readonly label: string;
  /** Empty: all. */
  readonly value: Value | "";
  /** The values with their words. */
  readonly options: Readonly<Record<Value, string>>;
  onChange(value: Value | ""): void;
}

/** Narrows a list to one value, or to none. */
export function Select<Value extends string>({ label, value, options, onChange }: SelectProps<Value>) {
  const { texts } = useApp();
  return (
    <Field label={label}>
      {({ id }) => (
        <select id={id} value={value} onChange={(event) => onChange(event.currentTarget.value as Value | "")}>
          <option value="">{texts.admin.all}</option>
          {(Object.entries(options) as [Value, string][]).map(([key, text]) => (
            <option key={key} value={key}>
              {text}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}
