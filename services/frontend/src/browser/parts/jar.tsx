/** The shop's moon jar, as an ornament. */
export function Jar({ size }: { readonly size: number }) {
  return (
    <svg viewBox="0 0 64 64" width={size} height={size} aria-hidden="true" class="jar">
      <path d="M25 12h14l-2 6c11 3 16 10 16 18 0 9-8 15-13 17H24c-5-2-13-8-13-17 0-8 5-15 16-18l-2-6Z" />
    </svg>
  );
}
