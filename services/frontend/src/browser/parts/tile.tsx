const GLYPHS = [
  // A jar, a bowl, a leaf, a woven square, a drop, a knot: drawn in the manner of a woodcut.
  "M25 12h14l-2 6c11 3 16 10 16 18 0 9-8 15-13 17H24c-5-2-13-8-13-17 0-8 5-15 16-18l-2-6Z",
  "M10 26h44c0 12-7 20-14 22l1 5H23l1-5c-7-2-14-10-14-22Z",
  "M32 10c14 8 17 22 10 34-3 5-7 8-10 10-3-2-7-5-10-10-7-12-4-26 10-34Zm-1.5 12h3v26h-3Z",
  "M14 14h14v14H14Zm22 0h14v14H36ZM14 36h14v14H14Zm22 0h14v14H36Z",
  "M32 9c9 12 16 20 16 29a16 16 0 0 1-32 0c0-9 7-17 16-29Z",
  "M32 12a12 12 0 0 1 8.5 20.5L32 41l-8.5-8.5A12 12 0 0 1 32 12Zm0 26 9 9-9 9-9-9Z",
] as const;
const TONES = 6;

/** A picture for a product that has none: always the same one for the same product. */
export function Tile({ id, small = false }: { readonly id: string; readonly small?: boolean }) {
  let sum = 0;
  for (const letter of id) sum = (sum * 31 + letter.charCodeAt(0)) % 9_973;
  return (
    <svg class={`tile tone-${sum % TONES}${small ? " small" : ""}`} viewBox="0 0 64 64" aria-hidden="true">
      <circle cx={14 + (sum % 37)} cy={12 + (sum % 23)} r="17" class="tile-moon" />
      <path d={GLYPHS[Math.floor(sum / TONES) % GLYPHS.length] ?? GLYPHS[0]} class="tile-shape" fill-rule="evenodd" />
    </svg>
  );
}
