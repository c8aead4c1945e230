import { useState } from "preact/hooks";
import type { Account } from "@shop/contracts/http/account";
import type { Role } from "@shop/contracts/http/define";
import { useApp } from "../app-state.ts";
import { useDeed } from "../attempt.ts";
import { usePages } from "../load.ts";
import { Dialog } from "../parts/dialog.tsx";
import { Field } from "../parts/field.tsx";
import { Form, Input } from "../parts/form.tsx";
import { PagedList } from "../parts/paged-list.tsx";
import { Empty, fieldError, Skeleton } from "../parts/states.tsx";
import { usePageTitle } from "../parts/title.ts";
import { Written } from "../parts/written.tsx";
import { shop } from "../shop.ts";
import { Select } from "./select.tsx";

interface Filters {
  readonly role: Role | "";
  readonly disabled: "true" | "false" | "";
  readonly username: string;
}

interface Code {
  readonly username: string;
  /** Whether it also goes by mail. */
  readonly mailed: boolean;
  readonly code: string;
  readonly codeExpiresAt: string;
}

type Asked =
  | { readonly kind: "invite" }
  | { readonly kind: "edit"; readonly user: Account }
  | { readonly kind: "code"; readonly code: Code };

const RENEWED_EVERY_MS = 10_000;
/** What a name can begin with. */
const NAME_PART = /^[a-z0-9._-]{1,32}$/;

/** All users: their roles, who can sign in, and codes for a new password. */
export function UsersPage() {
  const { texts } = useApp();
  const t = texts.users;
  usePageTitle(texts.nav.users);
  const [filters, setFilters] = useState<Filters>({ role: "", disabled: "", username: "" });
  const [asked, setAsked] = useState<Asked>();
  const { role, disabled, username } = filters;
  const loaded = usePages(
    `users ${role} ${disabled} ${username}`,
    (cursor, signal) => {
      const begins = NAME_PART.test(username) ? username : undefined;
      const wanted = { role: role || undefined, disabled: disabled || undefined, username: begins };
      return shop.listUsers({ ...wanted, limit: 30, cursor }, { signal });
    },
    { everyMs: RENEWED_EVERY_MS },
  );

  return (
    <>
      <header class="page-head spread">
        <h1>{texts.nav.users}</h1>
        <button type="button" class="button primary" onClick={() => setAsked({ kind: "invite" })}>
          {t.invite}
        </button>
      </header>
      <div class="filters">
        <Select
          label={t.role}
          value={role}
          options={texts.roles}
          onChange={(value) => setFilters({ ...filters, role: value })}
        />
        <Select
          label={t.state}
          value={disabled}
          options={{ false: t.enabled, true: t.disabled }}
          onChange={(value) => setFilters({ ...filters, disabled: value })}
        />
        <Input
          label={t.nameBegins}
          autoComplete="off"
          autoCapitalize="none"
          spellcheck={false}
          maxLength={32}
          value={username}
          onValue={(value) => setFilters({ ...filters, username: value.trim().toLowerCase() })}
        />
      </div>
      <PagedList loaded={loaded} skeleton={<Skeleton rows={6} />} empty={<Empty title={t.none} />}>
        {(users) => (
          <ul class="rows card">
            {users.map((user) => (
              <UserRow
                key={user.id}
                user={user}
                onEdit={() => setAsked({ kind: "edit", user })}
                onCode={(code) => setAsked({ kind: "code", code })}
              />
            ))}
          </ul>
        )}
      </PagedList>
      {asked === undefined ? null : (
        <Dialog title={titleOf(asked, texts)} onClose={() => setAsked(undefined)}>
          {asked.kind === "invite" ? (
            <InviteForm
              onDone={(code) => {
                setAsked({ kind: "code", code });
                loaded.reload();
              }}
            />
          ) : null}
          {asked.kind === "edit" ? (
            <EditForm
              user={asked.user}
              onDone={() => {
                setAsked(undefined);
                loaded.reload();
              }}
            />
          ) : null}
          {asked.kind === "code" ? <CodeShown code={asked.code} onDone={() => setAsked(undefined)} /> : null}
        </Dialog>
      )}
    </>
  );
}

function titleOf(asked: Asked, { users: t }: ReturnType<typeof useApp>["texts"]): string {
  if (asked.kind === "invite") return t.invite;
  return asked.kind === "edit" ? t.editTitle(asked.user.username) : t.codeTitle(asked.code.username);
}

interface UserRowProps {
  readonly user: Account;
  onEdit(): void;
  onCode(code: Code): void;
}

function UserRow({ user, onEdit, onCode }: UserRowProps) {
  const { texts, format } = useApp();
  const t = texts.users;
  const { isBusy, run } = useDeed();
  const { id, username, displayName, role, createdAt, disabledAt, hasPassword } = user;
  const makeCode = () => run(async () => onCode({ username, ...(await shop.issuePasswordCode(id)) }));
  return (
    <li class="row product-row user-row">
      <span class="row-what">
        <b>
          <Written>{displayName}</Written>
        </b>
        <span class="quiet">
          {username} · {texts.roles[role]} · {t.since(format.day(createdAt))}
        </span>
      </span>
      {disabledAt === null ? null : <span class="pill bad">{t.disabled}</span>}
      {hasPassword ? null : <span class="pill busy">{t.invited}</span>}
      <span class="row-actions">
        <button type="button" class="button small" disabled={isBusy} onClick={() => void makeCode()}>
          {t.makeCode}
          <span class="unseen">: {username}</span>
        </button>
        <button type="button" class="button small" onClick={onEdit}>
          {t.edit}
          <span class="unseen">: {username}</span>
        </button>
      </span>
    </li>
  );
}

interface RoleFieldProps {
  readonly value: Role;
  onValue(role: Role): void;
}

function RoleField({ value, onValue }: RoleFieldProps) {
  const { texts } = useApp();
  return (
    <Field label={texts.users.role}>
      {({ id }) => (
        <select id={id} value={value} onChange={(event) => onValue(event.currentTarget.value as Role)}>
          {(Object.entries(texts.roles) as [Role, string][]).map(([role, text]) => (
            <option key={role} value={role}>
              {text}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

interface MailAddressFieldProps {
  readonly error: unknown;
  readonly value: string;
  onValue(address: string): void;
}

function MailAddressField({ error, value, onValue }: MailAddressFieldProps) {
  const { texts } = useApp();
  const t = texts.users;
  return (
    <Input
      label={`${t.mailAddress} (${texts.account.optional})`}
      hint={t.mailAddressHint}
      error={fieldError(texts, error, "mailAddress")}
      name="mail-address"
      inputMode="email"
      maxLength={254}
      autoComplete="off"
      autoCapitalize="none"
      spellcheck={false}
      value={value}
      onValue={onValue}
    />
  );
}

function InviteForm({ onDone }: { onDone(code: Code): void }) {
  const { texts } = useApp();
  const t = texts.users;
  const [username, setUsername] = useState("");
  const [displayName, setDisplayName] = useState("");
  const [mailAddress, setMailAddress] = useState("");
  const [role, setRole] = useState<Role>("rider");

  async function send(): Promise<void> {
    const [name, called, address] = [username.trim(), displayName.trim(), mailAddress.trim()];
    const { code, codeExpiresAt, mailed } = await shop.inviteUser({
      ...{ username: name, role },
      ...(called === "" ? {} : { displayName: called }),
      ...(address === "" ? {} : { mailAddress: address }),
    });
    onDone({ username: name, code, codeExpiresAt, mailed });
  }

  return (
    <Form label={t.invite} busyLabel={texts.loading} send={send}>
      {(error) => (
        <>
          <p>{t.inviteText}</p>
          <Input
            label={texts.account.username}
            hint={texts.account.usernameHint}
            error={fieldError(texts, error, "username")}
            name="new-username"
            autoComplete="off"
            autoCapitalize="none"
            spellcheck={false}
            required
            value={username}
            onValue={setUsername}
          />
          <Input
            label={`${t.displayName} (${texts.account.optional})`}
            error={fieldError(texts, error, "displayName")}
            autoComplete="off"
            value={displayName}
            onValue={setDisplayName}
          />
          <MailAddressField error={error} value={mailAddress} onValue={setMailAddress} />
          <RoleField value={role} onValue={setRole} />
        </>
      )}
    </Form>
  );
}

function EditForm({ user, onDone }: { readonly user: Account; onDone(): void }) {
  const { texts, announce } = useApp();
  const t = texts.users;
  const [role, setRole] = useState(user.role);
  const [disabled, setDisabled] = useState(user.disabledAt !== null);
  const [mailAddress, setMailAddress] = useState(user.mailAddress ?? "");

  async function send(): Promise<void> {
    await shop.changeUser(user.id, { role, disabled, mailAddress: mailAddress.trim() || null });
    announce(texts.admin.saved);
    onDone();
  }
  async function removeFactor(): Promise<void> {
    await shop.resetSecondFactor(user.id);
    announce(t.appRemoved);
    onDone();
  }

  return (
    <Form label={texts.admin.save} busyLabel={texts.loading} send={send}>
      {(error, run) => (
        <>
          <RoleField value={role} onValue={setRole} />
          <MailAddressField error={error} value={mailAddress} onValue={setMailAddress} />
          <label class="check">
            <input type="checkbox" checked={disabled} onChange={() => setDisabled(!disabled)} />
            {t.disable}
          </label>
          <p class="quiet">{t.editText}</p>
          <button type="button" class="button" onClick={() => void run(removeFactor)}>
            {t.removeApp}
          </button>
        </>
      )}
    </Form>
  );
}

function CodeShown({ code: { code, codeExpiresAt, mailed }, onDone }: { readonly code: Code; onDone(): void }) {
  const { texts, format } = useApp();
  const t = texts.users;
  return (
    <>
      <p>{t.codeText(format.day(codeExpiresAt))}</p>
      {mailed ? <p>{t.codeMailed}</p> : null}
      <p class="one-time-code">
        <code>{code}</code>
      </p>
      <div class="dialog-actions">
        <button type="button" class="button primary" onClick={onDone}>
          {t.codeDone}
        </button>
      </div>
    </>
  );
}
