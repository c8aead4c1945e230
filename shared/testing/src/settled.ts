/** The value or the error of `promise`, as a value; the error "still pending" when neither has come after `ms`. */
export async function settled<Value>(promise: Promise<Value>, ms = 30_000): Promise<Value | Error> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<Error>((resolve) => {
    timer = setTimeout(() => resolve(new Error("still pending")), ms);
  });
  const outcome = promise.catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))));
  return Promise.race([outcome, late]).finally(() => clearTimeout(timer));
}
