import { useState } from "preact/hooks";
import { useApp } from "../app-state.ts";
import { Dialog } from "../parts/dialog.tsx";
import { Field } from "../parts/field.tsx";

interface FailDialogProps {
  readonly isBusy: boolean;
  onClose(): void;
  onReason(reason: string): void;
}

/** Asks why a delivery failed: the usual reasons are one touch away. */
export function FailDialog({ isBusy, onClose, onReason }: FailDialogProps) {
  const { texts } = useApp();
  const t = texts.rider;
  const [chosen, setChosen] = useState<string>(t.reasons[0] ?? "");
  const [other, setOther] = useState("");
  const isOther = chosen === "";

  return (
    <Dialog title={t.failTitle} onClose={onClose}>
      <p>{t.failText}</p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          onReason(isOther ? other.trim() : chosen);
        }}
      >
        <fieldset class="choices">
          <legend class="unseen">{t.failTitle}</legend>
          {[...t.reasons, ""].map((reason) => (
            <label key={reason} class="choice">
              <input type="radio" name="reason" checked={chosen === reason} onChange={() => setChosen(reason)} />
              {reason === "" ? t.otherReason : reason}
            </label>
          ))}
        </fieldset>
        {isOther && (
          <Field label={t.otherReason}>
            {(ids) => (
              <input
                {...ids}
                required
                maxLength={500}
                value={other}
                onInput={(event) => setOther(event.currentTarget.value)}
              />
            )}
          </Field>
        )}
        <div class="dialog-actions">
          <button type="button" class="button" onClick={onClose}>
            {texts.close}
          </button>
          <button class="button danger solid" disabled={isBusy}>
            {t.failSend}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
