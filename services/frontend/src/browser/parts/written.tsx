import { harmless, piecesOf } from "@shop/client/escape-invisible";

/** What a person wrote, shown to others: nothing of it is hidden, and it changes nothing around it. A letter that pretends to be another one is underlined. */
export function Written({ children }: { readonly children: string }) {
  return (
    <bdi>
      {piecesOf(harmless(children)).map(({ text, isLookAlike }, index) =>
        isLookAlike ? (
          <span
            key={index}
            class="look-alike"
            title={`U+${text.codePointAt(0)?.toString(16).padStart(4, "0").toUpperCase()}`}
          >
            {text}
          </span>
        ) : (
          text
        ),
      )}
    </bdi>
  );
}
