/** A Server-Sent Event with data. */
export interface ParsedEvent {
  readonly id: string;
  readonly data: string;
}

/**
 * Cuts the text of an event stream into events (HTML standard, 9.2.6), piece by piece as it comes; comments and fields that nobody needs here are left out.
 * @returns a function that takes the next piece and gives the events that it completes
 */
export function eventParser(): (piece: string) => readonly ParsedEvent[] {
  let rest = "";
  let id = "";
  let data: string[] = [];
  return (piece) => {
    const lines = (rest + piece).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? "";
    const events: ParsedEvent[] = [];
    for (const line of lines) {
      if (line === "") {
        if (data.length > 0) events.push({ id, data: data.join("\n") });
        data = [];
        continue;
      }
      const [, field, value = ""] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
      if (field === "id") id = value;
      if (field === "data") data.push(value);
    }
    return events;
  };
}
