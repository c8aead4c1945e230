/** Reads what this browser has kept; the fallback when it is missing, broken, or storage is refused. Nothing secret is ever kept here. */
export function readStored<Value>(key: string, fallback: Value): Value {
  try {
    const text = localStorage.getItem(key);
    return text === null ? fallback : (JSON.parse(text) as Value);
  } catch {
    return fallback;
  }
}

/** Keeps a value for the next visit, where the browser allows it. */
export function store(key: string, value: unknown): void {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // A full or refused storage costs the next visit its memory, and this one nothing.
  }
}
