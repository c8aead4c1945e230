import { mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { errorText, ExplainedError } from "@shop/runtime/errors";
import { createTransport } from "nodemailer";

/** A mail as text. */
export interface Mail {
  /** A UUID: the message's id in its header, the same however often it is sent, so that a receiver can tell a repetition. */
  readonly id: string;
  readonly to: string;
  readonly subject: string;
  readonly body: string;
}

/** Where mails go. */
export interface Mailer {
  /** @throws MailRefused when the server will never take it; MailFailed when it may be taken later */
  send(mail: Mail): Promise<void>;
  close(): void;
}

/** A mail that the server will never take. What a server says holds addresses: of it only the codes are told. */
export class MailRefused extends ExplainedError {
  override readonly name = "MailRefused";
}

/** A mail that may be taken later. */
class MailFailed extends ExplainedError {
  override readonly name = "MailFailed";
}

interface MailerOptions {
  /** `smtp://user:password@host:587`, `smtps://…:465`, or `file:///folder` for a file per mail. */
  readonly url: string;
  /** Whom mails come from, such as `Moon Jar <no-reply@shop.example>`. */
  readonly from: string;
}

/** A server that says nothing for so long is given up, in milliseconds; the mail is sent later. */
export const SILENT_MS = 10_000;

export function createMailer({ url, from }: MailerOptions): Mailer {
  return new URL(url).protocol === "file:" ? fileMailer(fileURLToPath(url), from) : smtpMailer(url, from);
}

const messageOf = ({ id, to, subject, body }: Mail, from: string) => ({
  ...{ from, to, subject, text: body, messageId: `<${id}@${domainOf(from)}>` },
  // No other program answers by itself to one that a program has sent (RFC 3834).
  headers: { "Auto-Submitted": "auto-generated" },
});

const domainOf = (from: string) => /@([^>\s]+)/.exec(from)?.[1] ?? "localhost";

/** By SMTP, one connection a mail. On a port other than 465 the connection is encrypted by STARTTLS where the server offers it, and certificates are verified. */
function smtpMailer(url: string, from: string): Mailer {
  const times = { connectionTimeout: SILENT_MS, greetingTimeout: SILENT_MS, socketTimeout: SILENT_MS };
  const { protocol, hostname, port, username, password } = new URL(url);
  const secure = protocol === "smtps:";
  const transport = createTransport({
    ...{ host: hostname, secure, ...times },
    ...(port === "" ? {} : { port: Number(port) }),
    ...(username === ""
      ? {}
      : { auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) }, requireTLS: !secure }),
  });
  return {
    async send(mail) {
      try {
        await transport.sendMail(messageOf(mail, from));
      } catch (error) {
        const { code = "no code", responseCode } = error as SmtpError;
        const said = responseCode === undefined ? code : `${code}, ${responseCode}`;
        if (isFinal(error as SmtpError)) throw new MailRefused(`the mail server refuses it: ${said}`);
        throw new MailFailed(`the mail server did not take it: ${said}`);
      }
    },
    close: () => transport.close(),
  };
}

/** What nodemailer throws. */
interface SmtpError {
  readonly code?: string;
  readonly responseCode?: number;
}

/** A server's 5xx about the mail or its receiver (RFC 5321); one about the login, or TLS, is the operator's to mend. */
function isFinal({ responseCode, code }: SmtpError): boolean {
  return responseCode !== undefined && responseCode >= 500 && (code === "EENVELOPE" || code === "EMESSAGE");
}

/** As a file per mail, `<id>.eml`, whole from the moment that it is there: for a development system, and for a program that sends them itself. */
function fileMailer(folder: string, from: string): Mailer {
  const transport = createTransport({ streamTransport: true, buffer: true });
  return {
    async send(mail) {
      const { message } = await transport.sendMail(messageOf(mail, from));
      if (!Buffer.isBuffer(message)) throw new MailFailed("the mail was not composed as a whole");
      const path = join(folder, `${mail.id}.eml`);
      try {
        await mkdir(folder, { recursive: true });
        await Bun.write(`${path}.part`, message);
        await rename(`${path}.part`, path);
      } catch (error) {
        throw new MailFailed(`the folder of MAIL_URL cannot be written to: ${errorText(error)}`);
      }
    },
    close: () => transport.close(),
  };
}
