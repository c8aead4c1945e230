import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

interface FieldProps {
  readonly label: string;
  readonly hint?: string | undefined;
  readonly error?: string | undefined;
  /** Gets the ids that tie the input to its label, hint and error. */
  children(ids: { id: string; "aria-describedby": string | undefined; "aria-invalid": boolean }): ComponentChildren;
}

/** A label, its input, a hint and what is wrong with it. */
export function Field({ label, hint, error, children }: FieldProps) {
  const id = useId();
  const described = error !== undefined || hint !== undefined ? `${id}-hint` : undefined;
  return (
    <div class={error === undefined ? "field" : "field wrong"}>
      <label for={id}>{label}</label>
      {children({ id, "aria-describedby": described, "aria-invalid": error !== undefined })}
      {described === undefined ? null : (
        <p id={described} class="hint">
          {error ?? hint}
        </p>
      )}
    </div>
  );
}
