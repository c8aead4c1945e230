import { useState } from "preact/hooks";
import { isProblem } from "@shop/client/problem-error";
import { useApp } from "./app-state.ts";
import { accountPath, homeOf, wishedPath } from "./addresses.ts";
import { AppCode, type AppSecret, AppSecretShown } from "./authenticator-app.tsx";
import { Form, Input } from "./parts/form.tsx";
import { Link } from "./parts/link.tsx";
import { fieldError } from "./parts/states.tsx";
import { usePageTitle } from "./parts/title.ts";
import { navigateFrom, pathTo } from "./router.ts";
import { shop } from "./shop.ts";

/** @param isGate whether it stands in for a page that needs a session, which is shown afterwards */
export function SignInPage({ isGate = false }: { readonly isGate?: boolean }) {
  const { texts, logIn, hasEnded } = useApp();
  const t = texts.account;
  usePageTitle(t.signInTitle);
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const then = isGate ? location.pathname : wishedPath();

  const [code, setCode] = useState("");
  const [isCodeAsked, setCodeAsked] = useState(false);
  const [setUp, setSetUp] = useState<AppSecret>();

  async function signIn(): Promise<void> {
    const name = username.trim();
    const from = location.pathname;
    try {
      const { role } = await logIn(name, password, isCodeAsked ? code.trim() : undefined);
      if (!isGate) navigateFrom(from, then ?? homeOf(role));
    } catch (error) {
      if (isProblem(error, "SECOND_FACTOR_SETUP_REQUIRED")) {
        setSetUp(await shop.beginSecondFactor({ username: name, password }));
        setCodeAsked(true);
      } else if (isProblem(error, "SECOND_FACTOR_REQUIRED") && !isCodeAsked) setCodeAsked(true);
      else throw error;
    }
  }

  return (
    <section class="narrow card account">
      <h1>{t.signInTitle}</h1>
      <p class="lead">{isGate ? (hasEnded ? t.ended : t.neededFor) : t.signInLead}</p>
      <Form label={t.signIn} busyLabel={texts.loading} send={signIn}>
        {() => (
          <>
            <Username value={username} onValue={setUsername} />
            <Password value={password} autoComplete="current-password" onValue={setPassword} />
            {setUp === undefined ? null : <AppSecretShown secret={setUp} />}
            {isCodeAsked ? <AppCode value={code} onValue={setCode} /> : null}
          </>
        )}
      </Form>
      <p class="aside">
        <Link to={pathTo("setPassword")}>{t.haveCode}</Link>
      </p>
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

  async function signUp(): Promise<void> {
    const name = displayName.trim();
    const from = location.pathname;
    const wished = wishedPath();
    const person = { username: username.trim(), password, ...(name === "" ? {} : { displayName: name }) };
    await shop.createUser(person);
    await logIn(person.username, password);
    navigateFrom(from, wished ?? pathTo("shop"));
  }

  return (
    <section class="narrow card account">
      <h1>{t.signUpTitle}</h1>
      <p class="lead">{t.signUpLead}</p>
      <Form label={t.signUp} busyLabel={texts.loading} send={signUp}>
        {(error) => (
          <>
            <Username
              value={username}
              hint={t.usernameHint}
              error={fieldError(texts, error, "username")}
              onValue={setUsername}
            />
            <Password
              value={password}
              autoComplete="new-password"
              hint={t.passwordHint}
              error={fieldError(texts, error, "password")}
              onValue={setPassword}
            />
            <Input
              label={`${t.displayName} (${t.optional})`}
              error={fieldError(texts, error, "displayName")}
              name="displayName"
              autoComplete="nickname"
              value={displayName}
              onValue={setDisplayName}
            />
          </>
        )}
      </Form>
      <p class="aside">
        {t.hasAccount} <Link to={accountPath("signIn", wishedPath() ?? pathTo("shop"))}>{t.signIn}</Link>
      </p>
    </section>
  );
}

/** Sets a password with the one-time code that an admin has given. */
export function SetPasswordPage() {
  const { texts, logIn } = useApp();
  const t = texts.account;
  usePageTitle(t.setPasswordTitle);
  const [username, setUsername] = useState("");
  const [code, setCode] = useState("");
  const [newPassword, setNewPassword] = useState("");

  async function send(): Promise<void> {
    const name = username.trim();
    const from = location.pathname;
    await shop.resetPassword({ username: name, code: code.trim(), newPassword });
    const { role } = await logIn(name, newPassword);
    navigateFrom(from, homeOf(role));
  }

  return (
    <section class="narrow card account">
      <h1>{t.setPasswordTitle}</h1>
      <p class="lead">{t.setPasswordLead}</p>
      <Form label={t.setPasswordTitle} busyLabel={texts.loading} send={send}>
        {(error) => (
          <>
            <Username value={username} onValue={setUsername} />
            <Input
              label={t.code}
              hint={t.codeHint}
              name="code"
              autoComplete="one-time-code"
              autoCapitalize="characters"
              spellcheck={false}
              required
              value={code}
              onValue={setCode}
            />
            <Password
              label={t.newPassword}
              value={newPassword}
              autoComplete="new-password"
              hint={t.passwordHint}
              error={fieldError(texts, error, "newPassword")}
              onValue={setNewPassword}
            />
          </>
        )}
      </Form>
    </section>
  );
}

interface CredentialProps {
  readonly value: string;
  readonly hint?: string;
  readonly error?: string | undefined;
  onValue(value: string): void;
}

function Username(props: CredentialProps) {
  const { texts } = useApp();
  const manners = { autoComplete: "username", autoCapitalize: "none", spellcheck: false } as const;
  return <Input label={texts.account.username} name="username" required {...manners} {...props} />;
}

interface PasswordProps extends CredentialProps {
  readonly label?: string;
  readonly name?: string;
  readonly autoComplete: "current-password" | "new-password";
}

/** A password that can be shown while it is typed. */
export function Password(props: PasswordProps) {
  const { texts } = useApp();
  const [isShown, setShown] = useState(false);
  return (
    <>
      <Input
        label={texts.account.password}
        type={isShown ? "text" : "password"}
        name="password"
        autoCapitalize="none"
        spellcheck={false}
        required
        {...props}
      />
      <label class="check">
        <input type="checkbox" checked={isShown} onChange={() => setShown(!isShown)} />
        {texts.account.showPassword}
      </label>
    </>
  );
}
