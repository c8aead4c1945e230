import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { eventually } from "@shop/testing/eventually";
import { SMTPServer } from "smtp-server";
import { createMailer, type Mail, type Mailer, MailRefused } from "./mail/mailer.ts";
import { type Person, type ServiceUnderTest, startUserService } from "./testing/service-under-test.ts";

const FROM = "Moon Jar <no-reply@shop.example>";
const UNUSED_PORT = 1;

interface Received {
  readonly to: readonly string[];
  readonly raw: string;
}

/** A real mail server, which answers `RCPT` with what `refuse` says. */
interface PostOffice {
  readonly url: string;
  readonly received: Received[];
  refuse: (() => { readonly code: number } | undefined) | undefined;
  /** Logins that were tried. */
  readonly logins: string[];
  close(): Promise<void>;
}

async function openPostOffice(): Promise<PostOffice> {
  const received: Received[] = [];
  const logins: string[] = [];
  const server = new SMTPServer({
    ...{ authOptional: true, hideSTARTTLS: true, allowInsecureAuth: true, logger: false },
    onAuth({ username = "" }, _session, done) {
      logins.push(username);
      done(null, { user: username });
    },
    onRcptTo(_address, _session, done) {
      const refused = office.refuse?.();
      done(refused === undefined ? null : Object.assign(new Error("not here"), { responseCode: refused.code }));
    },
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        const to = session.envelope.rcptTo.map(({ address }) => address);
        received.push({ to, raw: Buffer.concat(chunks).toString("utf8") });
        done();
      });
    },
  });
  const port = await new Promise<number>((resolve) => {
    const listening = server.listen(0, "127.0.0.1", () => {
      const address = listening.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
  const office: PostOffice = {
    ...{ url: `smtp://127.0.0.1:${port}`, received, logins, refuse: undefined },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
  return office;
}

let office: PostOffice;
/** Where the service sends its mails to now. */
let mailer: Mailer;
let shop: ServiceUnderTest;
let admin: Person;

let sending = 0;
async function watched(mail: Mail): Promise<void> {
  sending += 1;
  try {
    await mailer.send(mail);
  } finally {
    sending -= 1;
  }
}

beforeAll(async () => {
  office = await openPostOffice();
  mailer = createMailer({ url: office.url, from: FROM });
  shop = await startUserService({
    mailer: { send: watched, close: () => mailer.close() },
    pagesUrl: "https://shop.example",
  });
  admin = await shop.person("admin");
}, 120_000);
afterAll(async () => {
  await shop.stop();
  await office.close();
});
afterEach(async () => {
  office.refuse = undefined;
  office.received.length = 0;
  mailer = createMailer({ url: office.url, from: FROM });
  await shop.sql`delete from mail_to_send`;
});

const call = (method: string, path: string, json?: object) => shop.call(method, path, json, admin.tokens.accessToken);
const nameOf = () => `m-${crypto.randomUUID().slice(0, 20)}`;
const waiting = async () => (await shop.sql`select attempts from mail_to_send`).map(({ attempts }) => Number(attempts));
const events = (since: number) => shop.lines.slice(since).map(({ event }) => event);

/** Lets time pass for the service, but not while it sends, until `look` succeeds: an attempt never seems to be one that has crashed. */
const eventuallyAfterLooks = (look: () => unknown) =>
  eventually(
    async () => {
      if (sending === 0) await shop.clock.advance(5_000);
      await look();
    },
    { pauseMs: 30, deadlineMs: 60_000 },
  );

/** The text of a mail, as its reader sees it. */
function textOf({ raw }: Received): string {
  const body = raw.slice(raw.indexOf("\r\n\r\n") + 4);
  if (/^Content-Transfer-Encoding: base64/im.test(raw)) return Buffer.from(body, "base64").toString("utf8");
  const bytes = body
    .replaceAll(/=\r\n/g, "")
    .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCodePoint(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, "latin1").toString("utf8");
}

test("an invitation goes by mail, once although two replicas look, with a code that is good and is in no log", async () => {
  const begunAt = shop.lines.length;
  const username = nameOf();
  const invited = await call("POST", "/api/invitations", {
    username,
    role: "rider",
    mailAddress: "rider@shop.example",
  });
  expect(invited).toMatchObject({ status: 201, body: { mailed: true, user: { mailAddress: "rider@shop.example" } } });
  await eventuallyAfterLooks(() => expect(events(begunAt)).toEqual(["MAIL_SENT"]));
  expect(await waiting()).toEqual([]);
  expect(office.received).toHaveLength(1);
  const [mail] = office.received;
  if (mail === undefined) throw new Error("no mail");
  const code = String(invited.body["code"]);
  expect(mail.to).toEqual(["rider@shop.example"]);
  expect(mail.raw).toMatch(/^Auto-Submitted: auto-generated\r$/m);
  for (const part of [username, code, "https://shop.example/set-password", "비밀번호"])
    expect(textOf(mail)).toContain(part);
  expect(JSON.stringify(shop.lines)).not.toContain(code);
  expect(JSON.stringify(shop.lines)).not.toContain("rider@");
  const reset = { username, code, newPassword: "four words and a lamp" };
  expect((await shop.call("POST", "/api/password-resets", reset)).status).toBe(204);
});

test("a mail server that is away neither fails nor holds up the admin's call: the mail is sent when it is back", async () => {
  const begunAt = shop.lines.length;
  mailer = createMailer({ url: `smtp://127.0.0.1:${UNUSED_PORT}`, from: FROM });
  const { body: invited } = await call("POST", "/api/invitations", { username: nameOf(), role: "rider" });
  const { id } = invited["user"] as { readonly id: string };
  expect(invited).toMatchObject({ mailed: false });
  expect((await call("PATCH", `/api/users/${id}`, { mailAddress: "late@shop.example" })).status).toBe(200);
  expect(await call("POST", `/api/users/${id}/password-code`)).toMatchObject({ status: 201, body: { mailed: true } });
  await eventuallyAfterLooks(() => expect(events(begunAt)).toContain("MAIL_FAILED"));
  expect(await waiting()).toEqual([1]);
  mailer = createMailer({ url: office.url, from: FROM });
  await eventuallyAfterLooks(() => expect(events(begunAt)).toContain("MAIL_SENT"));
  expect(office.received).toHaveLength(1);
});

test("a mail that is refused for now is sent again as the same message; one that is refused for good is not", async () => {
  const begunAt = shop.lines.length;
  const answers = [451, undefined, 550];
  office.refuse = () => {
    const code = answers.shift();
    return code === undefined ? undefined : { code };
  };
  const invite = () =>
    call("POST", "/api/invitations", { username: nameOf(), role: "rider", mailAddress: "grey@shop.example" });
  await invite();
  const [mail] = await shop.sql`select id from mail_to_send`;
  await eventuallyAfterLooks(() => expect(events(begunAt)).toEqual(["MAIL_FAILED", "MAIL_SENT"]));
  expect(office.received).toHaveLength(1);
  expect(office.received[0]?.raw).toContain(`Message-ID: <${mail?.["id"]}@shop.example>`);
  await invite();
  await eventuallyAfterLooks(async () => expect(await waiting()).toEqual([]));
  expect(office.received).toHaveLength(1);
  expect(events(begunAt)).toEqual(["MAIL_FAILED", "MAIL_SENT", "MAIL_REFUSED"]);
  expect(JSON.stringify(shop.lines.slice(begunAt))).not.toContain("grey@");
});

test("a mail whose code has ended is not sent any more", async () => {
  const begunAt = shop.lines.length;
  office.refuse = () => ({ code: 451 });
  await call("POST", "/api/invitations", { username: nameOf(), role: "rider", mailAddress: "slow@shop.example" });
  await shop.sql`update mail_to_send set expires_at = ${new Date(shop.clock.now())}`;
  await eventuallyAfterLooks(() => expect(events(begunAt)).toContain("MAILS_EXPIRED"));
  expect([office.received.length, await waiting()]).toEqual([0, []]);
});

test("another address ends no session, is in no audit trail, and can be taken away", async () => {
  const person = await shop.person("rider");
  const path = `/api/users/${person.id}`;
  await call("PATCH", path, { mailAddress: "mine@shop.example" });
  expect((await call("PATCH", path, { mailAddress: null })).body["mailAddress"]).toBeNull();
  expect((await shop.refresh(person.tokens.refreshToken)).status).toBe(200);
  const { body } = await call("GET", `/api/audit?subjectId=${person.id}&action=USER_CHANGED`);
  expect(body["items"]).toMatchObject([
    { after: { endedSessions: 0, mailAddressChanged: true } },
    { after: { endedSessions: 0, mailAddressChanged: true } },
  ]);
  expect(JSON.stringify(body)).not.toContain("mine@");
  expect((await call("PATCH", path, { mailAddress: "nobody" })).status).toBe(422);
});

test("a password for the mail server is told to no server that does not encrypt", async () => {
  const { hostname, port } = new URL(office.url);
  const guarded = createMailer({ url: `smtp://shop:secret@${hostname}:${port}`, from: FROM });
  const mail = { id: crypto.randomUUID(), to: "a@shop.example", subject: "s", body: "b" };
  expect(guarded.send(mail)).rejects.toThrow("the mail server did not take it");
  await guarded.send(mail).catch(() => undefined);
  expect([office.logins, office.received]).toEqual([[], []]);
  office.refuse = () => ({ code: 550 });
  expect(mailer.send(mail)).rejects.toBeInstanceOf(MailRefused);
});

test("mails can go to files, each whole under its id", async () => {
  const folder = await mkdtemp(join(tmpdir(), "mails-"));
  try {
    const files = createMailer({ url: pathToFileURL(join(folder, "new")).href, from: FROM });
    const id = crypto.randomUUID();
    await files.send({ id, to: "a@shop.example", subject: "비밀번호", body: "code: 1" });
    expect(await readdir(join(folder, "new"))).toEqual([`${id}.eml`]);
    const raw = await Bun.file(join(folder, "new", `${id}.eml`)).text();
    expect(raw).toContain("To: a@shop.example");
    expect(raw).toContain("code: 1");
  } finally {
    await rm(folder, { recursive: true });
  }
});
