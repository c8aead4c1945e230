/**
 * Reads what this browser has kept, as far as it fits. What does not fit is removed: another release, another program at this address or a person may
 * have written it. Nothing secret is ever kept here.
 * @param fits gives the value of anything that JSON can hold, or undefined when it is none
 * @returns undefined when there is nothing that fits, or the browser refuses its storage
 */
export function readStored<Value>(key: string, fits: (value: unknown) => Value | undefined): Value | undefined {
  try {
    const text = localStorage.getItem(key);
    if (text === null) return undefined;
    const value = fits(parsed(text));
    if (value === undefined) localStorage.removeItem(key);
    return value;
  } catch {
    return undefined;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Keeps a value for the next visit, where the browser allows it; undefined removes it. */
export function store(key: string, value: unknown): void {
  try {
    if (value === undefined) localStorage.removeItem(key);
    else localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // A full or refused storage costs the next visit its memory, and this one nothing.
  }
}

/** Removes all that this site has stored in the browser for its scripts. */
export function clearStored(): void {
  for (const area of ["localStorage", "sessionStorage"] as const) {
    try {
      globalThis[area].clear();
    } catch {
      // Storage that the browser refuses holds nothing.
    }
  }
}
