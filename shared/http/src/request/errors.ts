import { ExplainedError } from "@shop/runtime/errors";
interface UnavailableOptions extends ErrorOptions {
  /** What the answer is to carry beside the problem. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Something that this process needs (a database, the key set, another service) cannot be reached: the caller gets a 503. */
export class UnavailableError extends ExplainedError {
  override readonly name = "UnavailableError";
  readonly headers: Readonly<Record<string, string>>;

  constructor(message: string, { headers = {}, ...options }: UnavailableOptions = {}) {
    super(message, options);
    this.headers = headers;
  }
}
