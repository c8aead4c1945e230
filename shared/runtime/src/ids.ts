/** Makes ids: injected, so that a test can foretell them. */
export type IdSource = () => string;

/** UUIDv7 (RFC 9562): later ids sort after earlier ones, which keeps index inserts at the right-hand end. */
export const uuidV7: IdSource = () => Bun.randomUUIDv7();

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether a text from outside is a UUID at all, before PostgreSQL is asked with it. */
export function isUuid(value: string): boolean {
  return UUID.test(value);
}

/** When a UUIDv7 was made, in milliseconds since the epoch; undefined for another kind of UUID. */
export function timeOfUuidV7(id: string): number | undefined {
  return id[14] === "7" ? Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16) : undefined;
}
