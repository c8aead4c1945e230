import { useState } from "preact/hooks";
import { Password } from "./account.tsx";
import { useApp } from "./app-state.ts";
import { AppCode, type AppSecret, AppSecretShown } from "./authenticator-app.tsx";
import { useLoad } from "./load.ts";
import { Form } from "./parts/form.tsx";
import { Skeleton, WhenLoaded } from "./parts/states.tsx";
import { shop } from "./shop.ts";

/** The authenticator app of one's own account: setting it up, recovery codes, removing it. */
export function SecondFactor({ username }: { readonly username: string }) {
  const { texts, announce } = useApp();
  const t = texts.account;
  const loaded = useLoad("second factor", (signal) => shop.getSecondFactor({ signal }));
  const [secret, setSecret] = useState<AppSecret>();
  const [codes, setCodes] = useState<readonly string[]>();
  const [password, setPassword] = useState("");
  const [code, setCode] = useState("");

  async function begin(): Promise<void> {
    setSecret(await shop.beginSecondFactor({ username, password }));
    setPassword("");
  }
  async function renew(): Promise<void> {
    const { recoveryCodes } = await shop.renewRecoveryCodes({ secondFactor: code.trim() });
    setCodes(recoveryCodes);
    setSecret(undefined);
    setCode("");
    loaded.reload();
  }
  async function remove(): Promise<void> {
    await shop.removeSecondFactor({ username, password, secondFactor: code.trim() });
    setPassword("");
    setCode("");
    setCodes(undefined);
    announce(t.appRemoved);
    loaded.reload();
  }

  const passwordField = (
    <Password
      label={t.currentPassword}
      name="second-factor-password"
      value={password}
      autoComplete="current-password"
      onValue={setPassword}
    />
  );
  return (
    <section class="card password-form" aria-labelledby="second-factor">
      <h2 id="second-factor">{t.app}</h2>
      <WhenLoaded loaded={loaded} skeleton={<Skeleton rows={1} />}>
        {({ isActive, recoveryCodes }) => (
          <>
            <p class="quiet">{isActive ? t.appActive(recoveryCodes) : t.appText}</p>
            {codes === undefined ? null : (
              <div class="notice">
                <p>
                  {t.recoveryCodes}
                  {codes.map((each) => (
                    <code key={each} class="app-secret">
                      {each}
                    </code>
                  ))}
                </p>
              </div>
            )}
            {!isActive && secret === undefined ? (
              <Form label={t.appBegin} busyLabel={texts.loading} send={begin}>
                {() => passwordField}
              </Form>
            ) : null}
            {!isActive && secret !== undefined ? (
              <Form label={t.appActivate} busyLabel={texts.loading} send={renew}>
                {() => (
                  <>
                    <AppSecretShown secret={secret} />
                    <AppCode value={code} hint={t.appCodeFirst} onValue={setCode} />
                  </>
                )}
              </Form>
            ) : null}
            {isActive ? (
              <details>
                <summary>{t.appChange}</summary>
                <Form label={t.newRecoveryCodes} busyLabel={texts.loading} send={renew}>
                  {() => <AppCode value={code} onValue={setCode} />}
                </Form>
                <Form label={t.appRemove} busyLabel={texts.loading} isDanger send={remove}>
                  {() => (
                    <>
                      {passwordField}
                      <AppCode value={code} onValue={setCode} />
                    </>
                  )}
                </Form>
              </details>
            ) : null}
          </>
        )}
      </WhenLoaded>
    </section>
  );
}
