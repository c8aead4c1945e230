import { orderSaga } from "@shop/contracts/order-saga";

/** The page that shows the saga as a picture. */
export const PAGE = "docs/life-of-an-order.md";
const BEGIN = "<!-- written by `bun run generate:saga` -->";
const DIAGRAM = new RegExp(`(?<=${BEGIN}\\n\\n)\`\`\`mermaid\\n.*?\`\`\``, "s");

/** The saga's steps as a picture: above the way forward, below it the compensations. */
export function sagaDiagram(): string {
  const { forward, backward, begins } = orderSaga;
  const node = ({ name, service }: (typeof forward)[number] | (typeof backward)[number]) =>
    `  ${name}["${name}<br>${service}"]`;
  const arrows = [...forward].map(({ name, answers }, index) => {
    const next = forward[index + 1]?.name ?? "complete((COMPLETE))";
    return `  ${name} -- ${answers[0]} --> ${next}`;
  });
  const compensated = forward.flatMap(({ name, compensation }) =>
    compensation === null ? [] : [`  ${name} -. compensated by .-> ${compensation}`],
  );
  const back = [...backward].map(({ name, answers }, index) => {
    const next = backward[index + 1]?.name ?? "cancelled((CANCELLED))";
    return `  ${name} -- ${answers[0]} --> ${next}`;
  });
  const lines = [`  begin((${begins})) --> ${forward[0].name}`, ...arrows, ...compensated, ...back];
  return ["```mermaid", "flowchart LR", ...[...forward, ...backward].map(node), ...lines, "```"].join("\n");
}

/** The picture that a page holds. @throws when it holds none */
export function diagramIn(page: string): string {
  const [diagram] = DIAGRAM.exec(page) ?? [];
  if (diagram === undefined) throw new Error(`${PAGE} has no diagram behind ${BEGIN}`);
  return diagram;
}

/** The page with the picture of the saga as it is. */
export const withDiagram = (page: string): string => page.replace(diagramIn(page), sagaDiagram());
