import { backoffMs } from "@shop/runtime/backoff";
import { errorText } from "@shop/runtime/errors";
import type { UserContext } from "../context.ts";
import { claimMail, deleteExpiredMails, deleteMail } from "../db/mails.ts";
import { type Mailer, MailRefused, SILENT_MS } from "../mail/mailer.ts";

const LOOK_EVERY_MS = 1_000;
/** The first pause is longer than an attempt can take, so that no two replicas make the same one. */
const BACKOFF = { firstMs: 3 * SILENT_MS, maxMs: 15 * 60_000 };

/** Sends the mails that wait, each at least once, until `signal` is aborted. Any number of replicas may do so. A mail is retried until nobody can use it any more. */
export async function sendMails(
  context: Pick<UserContext, "db" | "clock" | "logger">,
  mailer: Mailer,
  signal: AbortSignal,
): Promise<void> {
  const { clock, logger } = context;
  while (!signal.aborted) {
    let isBusy = false;
    try {
      isBusy = await sendOne(context, mailer);
      if (!isBusy) await forgetExpired(context);
    } catch (error) {
      logger.warn("MAILS_UNAVAILABLE", "mails that wait could not be read; retrying in a second", { error });
    }
    if (!isBusy) await clock.sleep(LOOK_EVERY_MS, signal);
  }
  mailer.close();
}

/** @returns whether there was a mail to send */
async function sendOne(
  { db, clock, logger }: Pick<UserContext, "db" | "clock" | "logger">,
  mailer: Mailer,
): Promise<boolean> {
  const nextAttemptAt = (attempts: number) => new Date(clock.now() + backoffMs(BACKOFF, attempts));
  const mail = await claimMail(db, new Date(clock.now()), nextAttemptAt);
  if (mail === undefined) return false;
  // Neither the address nor the text is for the log.
  const { id, attempts, toAddress: to, subject, body } = mail;
  try {
    await mailer.send({ id, to, subject, body });
  } catch (error) {
    if (!(error instanceof MailRefused)) {
      logger.warn("MAIL_FAILED", "a mail could not be sent; retrying", {
        mailId: id,
        attempts,
        reason: errorText(error),
      });
      return true;
    }
    logger.warn("MAIL_REFUSED", "the mail server refused a mail for good; it is not sent again", {
      mailId: id,
      reason: errorText(error),
    });
    await deleteMail(db, id);
    return true;
  }
  await deleteMail(db, id);
  logger.info("MAIL_SENT", "a mail was sent", { mailId: id, attempts });
  return true;
}

async function forgetExpired({ db, clock, logger }: Pick<UserContext, "db" | "clock" | "logger">): Promise<void> {
  const count = await deleteExpiredMails(db, new Date(clock.now()));
  if (count > 0)
    logger.warn("MAILS_EXPIRED", "mails could not be sent in time; an admin has to make new codes", { count });
}
