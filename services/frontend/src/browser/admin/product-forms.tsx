import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { Product } from "@shop/contracts/http/product";
import { ProblemError } from "@shop/client/problem-error";
import { useApp } from "../app-state.ts";
import { Field } from "../parts/field.tsx";
import { Form, Input } from "../parts/form.tsx";
import { fieldError } from "../parts/states.tsx";
import { Written } from "../parts/written.tsx";
import { shop } from "../shop.ts";
import { changedMeanwhile, differences, type FieldChange, type ProductFields } from "./versions.ts";

interface FormProps {
  onDone(): void;
}
interface OfProduct extends FormProps {
  readonly product: Product;
}

interface SavingFormProps extends FormProps {
  readonly label: string;
  readonly isDanger?: boolean;
  /** The product as it was when the form was opened, and what the form would make of it; undefined for a new one. */
  readonly seen?: Product | undefined;
  readonly mine?: ProductFields;
  /** What its button says once somebody else has changed the product. */
  readonly againLabel?: string;
  /** @param ifVersion changes this version or nothing */
  save(ifVersion: number | undefined): Promise<unknown>;
  /** Takes what somebody else has made of the product in place of one's own. */
  onTheirs?(product: Product): void;
  children(error: unknown): ComponentChildren;
}

/** Saves what it was opened for: the version that the operator has seen or, after they have seen what changed, the one that there is. */
function SavingForm({
  save,
  onDone,
  label,
  againLabel = label,
  seen,
  mine,
  onTheirs,
  children,
  ...form
}: SavingFormProps) {
  const { announce, texts } = useApp();
  const [theirs, setTheirs] = useState<Product>();
  async function send(): Promise<void> {
    try {
      await save((theirs ?? seen)?.version);
    } catch (error) {
      if (!(error instanceof ProblemError) || error.problem.code !== "VERSION_MISMATCH") throw error;
      setTheirs(error.problem.product);
      return;
    }
    announce(texts.admin.saved);
    onDone();
  }
  return (
    <Form {...form} label={theirs === undefined ? label : againLabel} send={send}>
      {(error) => (
        <>
          {children(error)}
          {seen === undefined || theirs === undefined ? null : (
            <Meanwhile
              changes={changedMeanwhile(seen, theirs, mine ?? seen)}
              onTheirs={
                onTheirs &&
                (() => {
                  onTheirs(theirs);
                  setTheirs(undefined);
                })
              }
            />
          )}
        </>
      )}
    </Form>
  );
}

interface MeanwhileProps {
  readonly changes: readonly FieldChange[];
  readonly onTheirs: (() => void) | undefined;
}

/** What somebody else has changed since the form was opened. */
function Meanwhile({ changes, onTheirs }: MeanwhileProps) {
  const { texts, format } = useApp();
  const t = texts.admin;
  const shown = ({ field }: FieldChange, value: string | number) =>
    field === "price" ? (
      format.money(Number(value), "KRW")
    ) : value === "" ? (
      t.nothing
    ) : (
      <Written>{String(value)}</Written>
    );
  return (
    <div class="notice meanwhile" role="alert">
      <p>
        <b>{t.changedMeanwhile}</b>
      </p>
      <dl>
        {changes.map((change) => (
          <div key={change.field}>
            <dt>{t.fields[change.field]}</dt>
            <dd>
              <del>{shown(change, change.before)}</del> <ins>{shown(change, change.theirs)}</ins>
              {change.mine === undefined ? null : (
                <small>
                  {t.yours} {shown(change, change.mine)}
                </small>
              )}
            </dd>
          </div>
        ))}
      </dl>
      {onTheirs && (
        <button type="button" class="button small" onClick={onTheirs}>
          {t.useTheirs}
        </button>
      )}
    </div>
  );
}

/** A new product, or other words and another price for one. */
export function ProductForm({ product, onDone }: FormProps & { readonly product?: Product }) {
  const { texts } = useApp();
  const t = texts.admin;
  const [seen, setSeen] = useState(product);
  const [name, setName] = useState(product?.name ?? "");
  const [description, setDescription] = useState(product?.description ?? "");
  const [price, setPrice] = useState(String(product?.price ?? ""));
  const [stock, setStock] = useState("0");
  const mine = { name: name.trim(), description, price: Number(price) };

  async function save(ifVersion: number | undefined): Promise<void> {
    if (seen === undefined) {
      await shop.createProduct({ ...mine, currency: "KRW", stock: Number(stock) });
      return;
    }
    const change = differences(seen, mine);
    if (Object.keys(change).length > 0) await shop.changeProduct(seen.id, change, { ifVersion });
  }
  function useTheirs(theirs: Product): void {
    setSeen(theirs);
    setName(theirs.name);
    setDescription(theirs.description);
    setPrice(String(theirs.price));
  }

  return (
    <SavingForm
      label={t.save}
      againLabel={t.keepMine}
      seen={seen}
      mine={mine}
      save={save}
      onTheirs={useTheirs}
      onDone={onDone}
    >
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
    <SavingForm
      label={t.save}
      againLabel={t.saveAnyway}
      seen={product}
      save={(ifVersion) => shop.changeStock(product.id, { delta: Number(delta) }, { ifVersion })}
      onDone={onDone}
    >
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
    <SavingForm
      label={t.withdraw}
      againLabel={t.withdrawAnyway}
      isDanger
      seen={product}
      save={(ifVersion) => shop.withdrawProduct(product.id, { ifVersion })}
      onDone={onDone}
    >
      {() => <p>{t.withdrawText}</p>}
    </SavingForm>
  );
}
