import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { Product } from "@shop/contracts/http/product";
import { useApp } from "../app-state.ts";
import { Field } from "../parts/field.tsx";
import { Form, Input } from "../parts/form.tsx";
import { fieldError } from "../parts/states.tsx";
import { shop } from "../shop.ts";

interface FormProps {
  onDone(): void;
}
interface OfProduct extends FormProps {
  readonly product: Product;
}

interface SavingFormProps extends FormProps {
  readonly label: string;
  readonly isDanger?: boolean;
  save(): Promise<unknown>;
  children(error: unknown): ComponentChildren;
}

function SavingForm({ save, onDone, ...form }: SavingFormProps) {
  const { announce, texts } = useApp();
  async function send(): Promise<void> {
    await save();
    announce(texts.admin.saved);
    onDone();
  }
  return <Form {...form} send={send} />;
}

/** A new product, or other words and another price for one. */
export function ProductForm({ product, onDone }: FormProps & { readonly product?: Product }) {
  const { texts } = useApp();
  const t = texts.admin;
  const [name, setName] = useState(product?.name ?? "");
  const [description, setDescription] = useState(product?.description ?? "");
  const [price, setPrice] = useState(String(product?.price ?? ""));
  const [stock, setStock] = useState("0");
  const body = { name: name.trim(), description, price: Number(price), currency: "KRW" } as const;
  const save = () =>
    product === undefined
      ? shop.createProduct({ ...body, stock: Number(stock) })
      : shop.changeProduct(product.id, body);

  return (
    <SavingForm label={t.save} save={save} onDone={onDone}>
      {(error) => (
        <>
          <Input
            label={t.name}
            error={fieldError(texts, error, "name")}
            name="name"
            required
            value={name}
            onValue={setName}
          />
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
          <Input
            label={t.price}
            error={fieldError(texts, error, "price")}
            type="number"
            min={0}
            step={1}
            required
            value={price}
            onValue={setPrice}
          />
          {product === undefined ? (
            <Input
              label={t.stock}
              error={fieldError(texts, error, "stock")}
              type="number"
              min={0}
              step={1}
              required
              value={stock}
              onValue={setStock}
            />
          ) : null}
        </>
      )}
    </SavingForm>
  );
}

/** Stock that came in, or with a minus went away. */
export function StockForm({ product, onDone }: OfProduct) {
  const { texts, format } = useApp();
  const t = texts.admin;
  const [delta, setDelta] = useState("");
  return (
    <SavingForm label={t.save} save={() => shop.changeStock(product.id, { delta: Number(delta) })} onDone={onDone}>
      {(error) => (
        <Input
          label={t.delta}
          hint={t.deltaHint(format.number(product.stock))}
          error={fieldError(texts, error, "delta")}
          type="number"
          step={1}
          required
          value={delta}
          onValue={setDelta}
        />
      )}
    </SavingForm>
  );
}

/** Takes a product off sale, after a question. */
export function WithdrawForm({ product, onDone }: OfProduct) {
  const t = useApp().texts.admin;
  return (
    <SavingForm label={t.withdraw} isDanger save={() => shop.withdrawProduct(product.id)} onDone={onDone}>
      {() => <p>{t.withdrawText}</p>}
    </SavingForm>
  );
}
