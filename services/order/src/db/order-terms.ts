import { isUuid } from "@shop/runtime/ids";
import { type SQL, sql } from "drizzle-orm";

/**
 * The terms by which an order is found: the words of its address and of its goods in the default parser's own way, and beside them, marked so
 * that no word is one of them, its products and the last six characters of its id, which is what people tell as its number.
 */
export const ORDER_TERMS = sql.raw(`
  to_tsvector('simple', o.delivery_address || ' ' ||
    coalesce((select string_agg(item ->> 'name', ' ') from json_array_elements(o.items) as item), '')) ||
  array_to_tsvector(array['#' || right(o.id::text, 6)] ||
    array(select distinct 'product:' || (item ->> 'productId') from json_array_elements(o.items) as item))`);

const LAST_SIX = /^[0-9a-f]{6}$/;

/** A term that no parser looks at. It holds no quotation mark. */
const exact = (term: string) => sql`${`'${term}'`}::tsquery`;

/**
 * What an order's terms have to match. Each word may be a beginning; a word of six hexadecimal digits may be an order's number as well.
 * @returns undefined when nothing is asked for
 */
export function termsQuery({
  productId,
  words,
}: {
  readonly productId?: string | undefined;
  readonly words?: string | undefined;
}): SQL | undefined {
  const all: SQL[] = [];
  if (productId !== undefined) all.push(exact(`product:${productId.toLowerCase()}`));
  for (const word of (words ?? "").toLowerCase().split(/\s+/).filter(Boolean)) {
    if (isUuid(word)) {
      all.push(exact(`#${word.slice(-6)}`));
      continue;
    }
    const quoted = `'${word.replaceAll(/['\\]/g, (character) => `${character}${character}`)}':*`;
    const parsed = sql`to_tsquery('simple', ${quoted})`;
    all.push(LAST_SIX.test(word) ? sql`(${parsed} || ${exact(`#${word}`)})` : parsed);
  }
  return all.length === 0 ? undefined : sql`(${sql.join(all, sql` && `)})`;
}
