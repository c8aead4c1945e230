import { harmless } from "@shop/client/escape-invisible";
import { useApp } from "../app-state.ts";

interface StepperProps {
  readonly name: string;
  readonly value: number;
  readonly max: number;
  onChange(value: number): void;
}

/** A quantity with a button on each side; fewer than one takes the thing away. */
export function Stepper({ name, value, max, onChange }: StepperProps) {
  const { texts } = useApp();
  const t = texts.cart;
  return (
    <span class="stepper" role="group" aria-label={t.quantityOf(harmless(name))}>
      <button type="button" aria-label={value === 1 ? t.remove : t.fewer} onClick={() => onChange(value - 1)}>
        −
      </button>
      <output>{value}</output>
      <button type="button" aria-label={t.plus} disabled={value >= max} onClick={() => onChange(value + 1)}>
        +
      </button>
    </span>
  );
}
