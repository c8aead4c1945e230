import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { Product } from "@shop/contracts/http/product";
import { callApi } from "../api.ts";
import { useApp } from "../app-state.ts";
import { Field } from "../parts/field.tsx";
import { ErrorNotice, fieldError } from "../parts/states.tsx";

interface FormProps {
  onDone(): void;
}
interface OfProduct extends FormProps {
  readonly product: Product;
}

interface SendFormProps extends FormProps {
  readonly label: string;
  readonly isDanger?: boolean;
  send(): Promise<unknown>;
  children(error: unknown): ComponentChildren;
}

function SendForm({ label, isDanger = false, send, onDone, children }: SendFormProps) {
  const { announce, texts } = useApp();
  const [error, setError] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);

  async function submit(): Promise<void> {
    setBusy(true);
    setError(undefined);
    try {
      await send();
      announce(texts.admin.saved);
      onDone();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  }

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      {children(error)}
      {error === undefined ? null : <ErrorNotice error={error} />}
      <button class={isDanger ? "button danger solid wide" : "button primary wide"} disabled={isBusy}>
        {label}
      </button>
    </form>
  );
}

/** A new product, or other words and another price for one. */
export function ProductForm({ product, onDone }: FormProps & { readonly product?: Product }) {
  const { texts } = useApp();
  const t = texts.admin;
  const [name, setName] = useState(product?.name ?? "");
  const [description, setDescription] = useState(product?.description ?? "");
  const [price, setPrice] = useState(String(product?.price ?? ""));
  const [stock, setStock] = useState("0");
  const body = { name: name.trim(), description, price: Number(price), currency: "KRW" };
  const send = () =>
    product === undefined
      ? callApi("POST", "/api/products", { body: { ...body, stock: Number(stock) } })
      : callApi("PATCH", `/api/products/${product.id}`, { body });

  return (
    <SendForm label={t.save} send={send} onDone={onDone}>
      {(error) => (
        <>
          <Field label={t.name} error={fieldError(texts, error, "name")}>
            {(ids) => <input {...ids} required value={name} onInput={(event) => setName(event.currentTarget.value)} />}
          </Field>
          <Field label={t.description} error={fieldError(texts, error, "description")}>
            {(ids) => (
              <textarea
                {...ids}
                rows={3}
                value={description}
                onInput={(event) => setDescription(event.currentTarget.value)}
              />
            )}
          </Field>
          <Field label={t.price} error={fieldError(texts, error, "price")}>
            {(ids) => (
              <input
                {...ids}
                type="number"
                min={0}
                required
                value={price}
                onInput={(event) => setPrice(event.currentTarget.value)}
              />
            )}
          </Field>
          {product === undefined ? (
            <Field label={t.stock} error={fieldError(texts, error, "stock")}>
              {(ids) => (
                <input
                  {...ids}
                  type="number"
                  min={0}
                  required
                  value={stock}
                  onInput={(event) => setStock(event.currentTarget.value)}
                />
              )}
            </Field>
          ) : null}
        </>
      )}
    </SendForm>
  );
}

/** Stock that came in, or with a minus went away. */
export function StockForm({ product, onDone }: OfProduct) {
  const { texts, format } = useApp();
  const t = texts.admin;
  const [delta, setDelta] = useState("");
  const send = () => callApi("POST", `/api/products/${product.id}/stock`, { body: { delta: Number(delta) } });
  return (
    <SendForm label={t.save} send={send} onDone={onDone}>
      {(error) => (
        <Field
          label={t.delta}
          hint={t.deltaHint(format.number(product.stock))}
          error={fieldError(texts, error, "delta")}
        >
          {(ids) => (
            <input
              {...ids}
              type="number"
              step={1}
              required
              value={delta}
              onInput={(event) => setDelta(event.currentTarget.value)}
            />
          )}
        </Field>
      )}
    </SendForm>
  );
}

/** Takes a product off sale, after a question. */
export function WithdrawForm({ product, onDone }: OfProduct) {
  const t = useApp().texts.admin;
  const send = () => callApi("DELETE", `/api/products/${product.id}`);
  return (
    <SendForm label={t.withdraw} isDanger send={send} onDone={onDone}>
      {() => <p>{t.withdrawText}</p>}
    </SendForm>
  );
}
