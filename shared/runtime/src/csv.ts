/** What a spreadsheet would take for a formula. */
const FORMULA = /^[=+\-@\t\r]/;

/**
 * One value as a cell of RFC 4180. What is no text, number or truth value is JSON. A text that a spreadsheet would take for a formula gets an
 * apostrophe in front: what people wrote must not be carried out by whoever opens the file.
 */
function cell(value: unknown): string {
  if (value === null || value === undefined) return "";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const harmless = typeof value === "string" && FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

/** The names of the columns of rows like this one. Each line ends in CRLF. */
export const csvHead = (row: object): string => `${Object.keys(row).map(cell).join(",")}\r\n`;

/** One row, its fields in the order in which they are. */
export const csvRow = (row: object): string => `${Object.values(row).map(cell).join(",")}\r\n`;
