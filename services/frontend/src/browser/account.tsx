import { useState } from "preact/hooks";
import type { User } from "@shop/contracts/http/user";
import { callApi } from "./api.ts";
import { useApp } from "./app-state.ts";
import { accountPath, homeOf, wishedPath } from "./addresses.ts";
import { Field } from "./parts/field.tsx";
import { Link } from "./parts/link.tsx";
import { ErrorNotice, fieldError } from "./parts/states.tsx";
import { usePageTitle } from "./parts/title.ts";
import { navigate, pathTo } from "./router.ts";

interface Attempt {
  readonly isBusy: boolean;
  readonly error: unknown;
  run(work: () => Promise<void>): void;
}

function useAttempt(): Attempt {
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const attempt = async (work: () => Promise<void>) => {
    setBusy(true);
    setError(undefined);
    try {
      await work();
    } catch (failure) {
      setError(failure);
    }
    setBusy(false);
  };
  return { isBusy, error, run: (work) => void attempt(work) };
}

/** @param isGate whether it stands in for a page that needs a session, which is shown afterwards */
export function SignInPage({ isGate = false }: { readonly isGate?: boolean }) {
  const { texts, logIn } = useApp();
  const t = texts.account;
  usePageTitle(t.signInTitle);
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const { isBusy, error, run } = useAttempt();
  const then = isGate ? location.pathname : wishedPath();

  return (
    <section class="narrow card account">
      <h1>{t.signInTitle}</h1>
      <p class="lead">{isGate ? t.neededFor : t.signInLead}</p>
      {error === undefined ? null : <ErrorNotice error={error} />}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          run(async () => {
            const { role } = await logIn(username.trim(), password);
            if (!isGate) navigate(then ?? homeOf(role), { replace: true });
          });
        }}
      >
        <Field label={t.username}>
          {(ids) => (
            <input
              {...ids}
              name="username"
              autoComplete="username"
              autoCapitalize="none"
              spellcheck={false}
              required
              value={username}
              onInput={(event) => setUsername(event.currentTarget.value)}
            />
          )}
        </Field>
        <Password value={password} autoComplete="current-password" onInput={setPassword} />
        <button class="button primary wide" disabled={isBusy}>
          {isBusy ? texts.loading : t.signIn}
        </button>
      </form>
      <p class="aside">
        {t.noAccount} <Link to={accountPath("signUp", then ?? pathTo("shop"))}>{t.signUp}</Link>
      </p>
    </section>
  );
}

export function SignUpPage() {
  const { texts, logIn } = useApp();
  const t = texts.account;
  usePageTitle(t.signUpTitle);
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const [displayName, setDisplayName] = useState("");
  const { isBusy, error, run } = useAttempt();

  return (
    <section class="narrow card account">
      <h1>{t.signUpTitle}</h1>
      <p class="lead">{t.signUpLead}</p>
      {error === undefined ? null : <ErrorNotice error={error} />}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          run(async () => {
            const name = displayName.trim();
            const body = { username: username.trim(), password, ...(name === "" ? {} : { displayName: name }) };
            await callApi<User>("POST", "/api/users", { body });
            await logIn(body.username, password);
            navigate(wishedPath() ?? pathTo("shop"), { replace: true });
          });
        }}
      >
        <Field label={t.username} hint={t.usernameHint} error={fieldError(texts, error, "username")}>
          {(ids) => (
            <input
              {...ids}
              name="username"
              autoComplete="username"
              autoCapitalize="none"
              spellcheck={false}
              required
              value={username}
              onInput={(event) => setUsername(event.currentTarget.value)}
            />
          )}
        </Field>
        <Password
          value={password}
          autoComplete="new-password"
          hint={t.passwordHint}
          error={fieldError(texts, error, "password")}
          onInput={setPassword}
        />
        <Field label={`${t.displayName} (${t.optional})`} error={fieldError(texts, error, "displayName")}>
          {(ids) => (
            <input
              {...ids}
              name="displayName"
              autoComplete="nickname"
              value={displayName}
              onInput={(event) => setDisplayName(event.currentTarget.value)}
            />
          )}
        </Field>
        <button class="button primary wide" disabled={isBusy}>
          {isBusy ? texts.loading : t.signUp}
        </button>
      </form>
      <p class="aside">
        {t.hasAccount} <Link to={accountPath("signIn", wishedPath() ?? pathTo("shop"))}>{t.signIn}</Link>
      </p>
    </section>
  );
}

interface PasswordProps {
  readonly value: string;
  readonly autoComplete: "current-password" | "new-password";
  readonly hint?: string;
  readonly error?: string | undefined;
  onInput(value: string): void;
}

function Password({ value, autoComplete, hint, error, onInput }: PasswordProps) {
  const { texts } = useApp();
  const [isShown, setShown] = useState(false);
  return (
    <>
      <Field label={texts.account.password} hint={hint} error={error}>
        {(ids) => (
          <input
            {...ids}
            {...(isShown ? ({ type: "text" } as const) : ({ type: "password" } as const))}
            name="password"
            autoComplete={autoComplete}
            required
            value={value}
            onInput={(event) => onInput(event.currentTarget.value)}
          />
        )}
      </Field>
      <label class="check">
        <input type="checkbox" checked={isShown} onChange={() => setShown(!isShown)} />
        {texts.account.showPassword}
      </label>
    </>
  );
}
