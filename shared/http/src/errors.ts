/** Something that this process needs (a database, the key set, another service) cannot be reached: the caller gets a 503. */
export class UnavailableError extends Error {
  override readonly name = "UnavailableError";
}
