/** Controls, what changes the direction of writing, what is shown as nothing, and halves of characters; line breaks and tabs are none of them. */
const HIDDEN = String.raw`[^\P{Cc}\n\t]|\p{Cf}|\p{Co}|\p{Cs}|\p{Default_Ignorable_Code_Point}|[\u2028\u2029\u2800]`;
const HIDDEN_ONES = new RegExp(HIDDEN, "gu");
/** Hidden characters that belong to what people write: those within an emoji, and the joiners between letters of scripts that need them. */
const WRITTEN = String.raw`\p{RGI_Emoji}|(?<=[\p{Script=Arabic}\p{Script=Devanagari}\p{Script=Bengali}\p{Script=Gurmukhi}\p{Script=Gujarati}\p{Script=Oriya}\p{Script=Tamil}\p{Script=Telugu}\p{Script=Kannada}\p{Script=Malayalam}\p{Script=Sinhala}\p{M}])[\u200c\u200d](?=\p{Lo})`;
const WRITTEN_OR_HIDDEN = new RegExp(String.raw`(?<written>${WRITTEN})|${HIDDEN}`, "gv");
/** More marks on one letter than any language writes: they would cover the lines above and below. */
const PILED_MARKS = /(?<some>\p{M}{8})\p{M}+/gu;
/** Cyrillic and Greek letters that look like Latin ones. */
const LOOK_ALIKE = /[асеорхуіјѕһԁԛԝӏАВЕЗІЈКМНОРЅСТУХҮԌԚԜΑΒΕΖΗΙΚΜΝΟΡΤΥΧανικορυχϲϳ]/u;
const WORDS = /[\p{L}\p{M}\p{N}]+/gu;

const escaped = (character: string) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;

/**
 * What a program may have written, so that every character of it is seen: control characters, such that change the direction of writing and such that
 * take no room become their code points. Line breaks and tabs stay.
 */
export function escapeInvisible(text: string): string {
  return text.replace(HIDDEN_ONES, escaped);
}

/** What a person wrote, to be shown to others: as it is, but what would hide something, change the direction of writing or cover other lines is made visible. */
export function harmless(text: string): string {
  return text
    .replace(WRITTEN_OR_HIDDEN, (found, ...rest) => {
      const { written } = rest.at(-1) as { readonly written: string | undefined };
      return written === undefined ? escaped(found) : found;
    })
    .replace(PILED_MARKS, "$<some>…");
}

/** The same for the middle of a sentence, whose direction of writing it leaves alone: between U+2068 and U+2069. */
export function isolated(text: string): string {
  return `\u2068${harmless(text)}\u2069`;
}

/** A piece of a text. */
export interface Piece {
  readonly text: string;
  /** Whether it is a letter of another alphabet that looks like a Latin one, in a word that has Latin ones. */
  readonly isLookAlike: boolean;
}

/** A text in pieces, so that letters which pretend to be others can be told. */
export function piecesOf(text: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let plain = "";
  let from = 0;
  const flush = () => {
    if (plain !== "") pieces.push({ text: plain, isLookAlike: false });
    plain = "";
  };
  for (const { 0: word, index } of text.matchAll(WORDS)) {
    plain += text.slice(from, index);
    from = index + word.length;
    const isMixed = /\p{Script=Latin}/u.test(word);
    for (const letter of word) {
      if (!isMixed || !LOOK_ALIKE.test(letter)) {
        plain += letter;
        continue;
      }
      flush();
      pieces.push({ text: letter, isLookAlike: true });
    }
  }
  plain += text.slice(from);
  flush();
  return pieces;
}
