/** Adds to a request what tells who makes it. */
export interface Authentication {
  /** The headers of a call, and how the browser is to treat its cookies. */
  prepare(): Promise<{ readonly headers: Readonly<Record<string, string>>; readonly credentials?: "same-origin" }>;
  /**
   * Told that a call with these headers was answered 401.
   * @returns whether the call is worth making once more
   */
  refused(headers: Readonly<Record<string, string>>): Promise<boolean>;
}

/** Calls that anyone may make. */
export const nobody: Authentication = {
  prepare: () => Promise.resolve({ headers: {} }),
  refused: () => Promise.resolve(false),
};

/**
 * The session of a browser: a cookie that scripts cannot read, kept by the frontend, which refreshes it by itself. The browser also tells the frontend
 * that this very site makes the call (`Sec-Fetch-Site`), so there is no token to handle here.
 */
export const browserSession: Authentication = {
  prepare: () => Promise.resolve({ headers: {}, credentials: "same-origin" }),
  refused: () => Promise.resolve(false),
};
