import { useApp } from "../app-state.ts";
import { Dialog } from "./dialog.tsx";

interface QuestionProps {
  readonly title: string;
  readonly text: string;
  readonly yes: string;
  readonly no: string;
  readonly isBusy: boolean;
  onYes(): void;
  onNo(): void;
}

/** Asks before something that cannot be reverted. */
export function Question({ title, text, yes, no, isBusy, onYes, onNo }: QuestionProps) {
  const { texts } = useApp();
  return (
    <Dialog title={title} onClose={onNo}>
      <p>{text}</p>
      <div class="dialog-actions">
        <button type="button" class="button" onClick={onNo}>
          {no}
        </button>
        <button type="button" class="button danger solid" disabled={isBusy} onClick={onYes}>
          {isBusy ? texts.loading : yes}
        </button>
      </div>
    </Dialog>
  );
}
