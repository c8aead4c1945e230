import type { ComponentChildren } from "preact";
import { navigate } from "../router.ts";

interface LinkProps {
  readonly to: string;
  readonly children: ComponentChildren;
  readonly class?: string;
  readonly current?: boolean;
}

/** A link to a page of ours: a click stays in the document, and a new tab works as everywhere. */
export function Link({ to, children, current = false, ...rest }: LinkProps) {
  return (
    <a
      href={to}
      class={rest.class}
      aria-current={current ? "page" : undefined}
      onClick={(event) => {
        if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
        event.preventDefault();
        navigate(to);
      }}
    >
      {children}
    </a>
  );
}
