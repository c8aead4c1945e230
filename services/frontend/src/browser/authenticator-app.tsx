import { useApp } from "./app-state.ts";
import { Input } from "./parts/form.tsx";

/** What an authenticator app is given. */
export interface AppSecret {
  readonly secret: string;
  readonly uri: string;
}

/** The secret to type into an authenticator app, and the link that opens it on a phone. */
export function AppSecretShown({ secret: { secret, uri } }: { readonly secret: AppSecret }) {
  const t = useApp().texts.account;
  return (
    <div class="notice">
      <p>
        {t.appSetUp}
        <br />
        <code class="app-secret">{secret.replaceAll(/(.{4})/g, "$1 ").trim()}</code>
        <br />
        <a href={uri}>{t.appOpen}</a>
      </p>
    </div>
  );
}

interface AppCodeProps {
  readonly value: string;
  readonly hint?: string;
  onValue(value: string): void;
}

/** The code that the app shows. */
export function AppCode(props: AppCodeProps) {
  const t = useApp().texts.account;
  return (
    <Input
      label={t.appCode}
      hint={t.appCodeHint}
      name="secondFactor"
      autoComplete="one-time-code"
      autoCapitalize="characters"
      spellcheck={false}
      required
      {...props}
    />
  );
}
