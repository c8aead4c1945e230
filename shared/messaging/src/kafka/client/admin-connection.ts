import type { Admin, Kafka } from "kafkajs";

/** A connection for questions about the broker itself. It is opened with the first one, kept, and made again after one that failed. */
export function createAdminConnection(kafka: Kafka) {
  let connection: Promise<Admin> | undefined;

  async function open(): Promise<Admin> {
    const admin = kafka.admin();
    await admin.connect();
    return admin;
  }

  async function close(): Promise<void> {
    const old = connection;
    connection = undefined;
    await (await old)?.disconnect();
  }

  return {
    close,
    /** @throws what `question` throws, and when the broker cannot be reached */
    async ask<Answer>(question: (admin: Admin) => Promise<Answer>): Promise<Answer> {
      const asked = (connection ??= open());
      try {
        return await question(await asked);
      } catch (error) {
        if (connection === asked) connection = undefined;
        await asked.then(
          (admin) => admin.disconnect(),
          () => undefined,
        );
        throw error;
      }
    },
  };
}
