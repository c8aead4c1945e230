const SHAPES = {
  shop: "M4 10h16l-1 10H5L4 10Zm4 0V8a4 4 0 0 1 8 0v2",
  cart: "M3 4h2l2.4 11h10.2L20 8H6M9 20h.01M17 20h.01",
  orders: "M7 4h10v16l-2.5-1.6L12 20l-2.5-1.6L7 20V4Zm3 5h4m-4 4h4",
  rider:
    "M6 20a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5Zm12 0a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5ZM8.5 17.5h4.5l-2-7H5L3.8 15M13.5 6H16l2 9",
  sagas:
    "M6 8a2 2 0 1 0 0-4 2 2 0 0 0 0 4Zm0 12a2 2 0 1 0 0-4 2 2 0 0 0 0 4Zm12-6a2 2 0 1 0 0-4 2 2 0 0 0 0 4ZM8 6h4a6 6 0 0 1 5 4M8 18h4a6 6 0 0 0 5-4",
  products: "M12 3.5 4 8v8l8 4.5 8-4.5V8l-8-4.5ZM4 8l8 4.5L20 8M12 12.5v8",
  envelope: "M3.5 6.5h17v11h-17v-11Zm0 .5 8.5 6.5L20.5 7",
  webhooks: "M4 12h11m-4-5 5 5-5 5M20 5v14",
  person: "M12 11.5a3.75 3.75 0 1 0 0-7.5 3.75 3.75 0 0 0 0 7.5ZM4.5 20a7.5 7.5 0 0 1 15 0",
  audit: "M6 3.5h9l3 3v14H6v-17Zm3 6h6m-6 4h6m-6 4h3",
  health: "M3 12h4l2.5-6 4.5 12 2.5-6H21",
  light:
    "M12 4V2m0 20v-2m8-8h2M2 12h2m13.7-5.7 1.4-1.4M4.9 19.1l1.4-1.4m11.4 0 1.4 1.4M4.9 4.9l1.4 1.4M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8Z",
  dark: "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5Z",
  system: "M4 5h16v11H4V5Zm5 15h6m-3-4v4",
  check: "m5 12.5 4.5 4.5L19 7.5",
  close: "m6 6 12 12M18 6 6 18",
  next: "m9 5 7 7-7 7",
  revert: "M8 8H4V4m.5 4A8.5 8.5 0 1 1 4 14",
  alert: "M12 8.5v4m0 3.5h.01M12 3 2.5 20h19L12 3Z",
  leave: "M10 4H5v16h5m4-12 4 4-4 4m4-4H9",
} as const;

export type IconName = keyof typeof SHAPES;

/** A drawing beside a text: screen readers hear the text only. */
export function Icon({ name, size = 20 }: { readonly name: IconName; readonly size?: number }) {
  return (
    <svg
      class="icon"
      viewBox="0 0 24 24"
      width={size}
      height={size}
      fill="none"
      stroke="currentColor"
      stroke-width="1.8"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d={SHAPES[name]} />
    </svg>
  );
}
