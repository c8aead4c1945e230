/**
 * What anybody may have written, so that every character of it is seen: control characters, such that change the direction of writing and such that
 * take no room become their code points. Line breaks and tabs stay.
 */
export function legible(text: string): string {
  return text.replace(
    /[^\P{Cc}\n\t]|\p{Cf}|\p{Co}|\p{Cs}|[\u2028\u2029]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}
