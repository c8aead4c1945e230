import { useState } from "preact/hooks";
import type { Session } from "@shop/contracts/http/session";
import { Password } from "./account.tsx";
import { useApp } from "./app-state.ts";
import { useDeed } from "./attempt.ts";
import { usePages } from "./load.ts";
import { Form } from "./parts/form.tsx";
import { PagedList } from "./parts/paged-list.tsx";
import { Question } from "./parts/question.tsx";
import { fieldError, Skeleton } from "./parts/states.tsx";
import { usePageTitle } from "./parts/title.ts";
import { Written } from "./parts/written.tsx";
import { navigate, pathTo } from "./router.ts";
import { SecondFactor } from "./second-factor.tsx";
import { shop } from "./shop.ts";

/** One's own account: the password, and where one is signed in. */
export function AccountPage() {
  const { texts, user } = useApp();
  const t = texts.account;
  usePageTitle(t.title);
  if (user === undefined) return null;
  return (
    <>
      <header class="page-head">
        <h1>{t.title}</h1>
        <p class="lead">
          <Written>{user.displayName}</Written> · {user.username} · {texts.roles[user.role]}
        </p>
      </header>
      <PasswordForm />
      <SecondFactor username={user.username} />
      <Sessions />
    </>
  );
}

function PasswordForm() {
  const { texts, announce } = useApp();
  const t = texts.account;
  const [currentPassword, setCurrent] = useState("");
  const [newPassword, setNew] = useState("");

  async function change(): Promise<void> {
    await shop.changePassword({ currentPassword, newPassword });
    setCurrent("");
    setNew("");
    announce(t.passwordChanged);
  }

  return (
    <section class="card password-form" aria-labelledby="change-password">
      <h2 id="change-password">{t.changePassword}</h2>
      <p class="quiet">{t.changePasswordText}</p>
      <Form label={t.changePassword} busyLabel={texts.loading} send={change}>
        {(error) => (
          <>
            <Password
              label={t.currentPassword}
              name="currentPassword"
              value={currentPassword}
              autoComplete="current-password"
              onValue={setCurrent}
            />
            <Password
              label={t.newPassword}
              name="newPassword"
              value={newPassword}
              autoComplete="new-password"
              hint={t.passwordHint}
              error={fieldError(texts, error, "newPassword")}
              onValue={setNew}
            />
          </>
        )}
      </Form>
    </section>
  );
}

function Sessions() {
  const { texts, announce, logOut } = useApp();
  const t = texts.account;
  const loaded = usePages("sessions", (cursor, signal) => shop.listSessions({ limit: 20, cursor }, { signal }));
  const { isBusy, run } = useDeed();
  const [isAsking, setAsking] = useState(false);

  const end = ({ id }: Session) =>
    run(async () => {
      await shop.endSession(id);
      announce(t.sessionEnded);
      loaded.reload();
    });
  const endAll = () =>
    run(async () => {
      await shop.endSessions();
      await logOut();
      navigate(pathTo("signIn"));
    });

  return (
    <section class="sessions" aria-labelledby="sessions">
      <header class="page-head spread">
        <h2 id="sessions">{t.sessions}</h2>
        <button type="button" class="button danger" disabled={isBusy} onClick={() => setAsking(true)}>
          {t.signOutEverywhere}
        </button>
      </header>
      <p class="quiet">{t.sessionsText}</p>
      <PagedList loaded={loaded} skeleton={<Skeleton rows={2} />} empty={null}>
        {(sessions) => (
          <ul class="rows card">
            {sessions.map((session) => (
              <SessionRow key={session.id} session={session} isBusy={isBusy} onEnd={() => void end(session)} />
            ))}
          </ul>
        )}
      </PagedList>
      {isAsking ? (
        <Question
          title={t.signOutEverywhere}
          text={t.signOutEverywhereText}
          yes={t.signOutEverywhere}
          no={texts.cancel}
          isBusy={isBusy}
          onYes={() => void endAll()}
          onNo={() => setAsking(false)}
        />
      ) : null}
    </section>
  );
}

interface SessionRowProps {
  readonly session: Session;
  readonly isBusy: boolean;
  onEnd(): void;
}

function SessionRow({ session: { createdAt, lastUsedAt, userAgent, isCurrent }, isBusy, onEnd }: SessionRowProps) {
  const { texts, format } = useApp();
  const t = texts.account;
  return (
    <li class="row session-row">
      <span class="row-what">
        <b>{userAgent === null ? t.unknownProgram : <Written>{userAgent}</Written>}</b>
        <span class="quiet">
          {t.signedInAt(format.day(createdAt))} · {t.lastUsedAt(format.day(lastUsedAt))}
        </span>
      </span>
      {isCurrent ? (
        <span class="pill good">{t.thisSession}</span>
      ) : (
        <button type="button" class="button small" disabled={isBusy} onClick={onEnd}>
          {t.endSession}
          <span class="unseen">: {t.signedInAt(format.day(createdAt))}</span>
        </button>
      )}
    </li>
  );
}
