import type { Phase } from "../measure/phase.ts";
import type { SideResult } from "../measure/run.ts";
import { median } from "../measure/latency.ts";
import { type Ratio, ratiosOf } from "./ratios.ts";
import { range, short } from "./terminal.ts";

/** A run as one page that needs nothing beside itself: plots as SVG, with the same figures as tables. */
export function pageOf(title: string, results: readonly SideResult[]): string {
  const [reference, ...others] = results;
  const parts =
    reference === undefined
      ? []
      : [...others.flatMap((side) => ratioParts(reference, side)), roundsPart(results), ...results.map(costPart)];
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${text(title)}</title>
<style>
  body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a; background: #fff }
  table { border-collapse: collapse; margin: 1rem 0 } th, td { padding: .2rem .8rem; border-bottom: 1px solid #ddd; text-align: right }
  th:first-child, td:first-child { text-align: left } svg { width: 100%; height: auto } svg text { font: 12px system-ui, sans-serif; fill: #1a1a1a }
</style>
<h1>${text(title)}</h1>
${parts.join("\n")}
</html>
`;
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const text = (value: string) => value.replaceAll(/[&<>"]/g, (character) => ENTITIES[character] ?? character);

/** Hues a golden angle apart, so that neighbours differ however many there are. */
const colourOf = (index: number) => `hsl(${Math.round((210 + index * 137.5) % 360)} 50% ${index % 2 === 0 ? 45 : 60}%)`;

function ratioParts(reference: SideResult, side: SideResult): readonly string[] {
  const ratios = ratiosOf(reference, side);
  const rows = ratios.map((ratio) => {
    const { what, value, reference: yardstick, unit } = ratio;
    return [what, `${short(value)} ${unit}`, `${short(yardstick)} ${unit}`, short(ratio.ratio), range(ratio)];
  });
  return [
    `<h2>${text(side.name)} as a part of the reference</h2>`,
    rangePlot(ratios),
    table(["", side.name, "yardstick", "ratio", "of the rounds"], rows),
  ];
}

const ROW = 26;
const LABEL = 420;
const WIDTH = 1_000;

/** Each ratio as a point, its rounds as a line around it, on a logarithmic scale: twice and half are as far from 1. */
function rangePlot(ratios: readonly Ratio[]): string {
  const logs = ratios.flatMap(({ rounds }) => rounds.map(Math.log2));
  const low = Math.floor(Math.min(0, ...logs));
  const high = Math.ceil(Math.max(0, ...logs));
  const x = (ratio: number) => LABEL + 20 + ((WIDTH - LABEL - 60) * (Math.log2(ratio) - low)) / Math.max(1, high - low);
  const height = ratios.length * ROW + 30;
  const grid = Array.from({ length: high - low + 1 }, (_, index) => 2 ** (low + index)).map(
    (at) =>
      `<line x1="${x(at)}" x2="${x(at)}" y1="0" y2="${height - 24}" stroke="${at === 1 ? "#1a1a1a" : "#ddd"}"/><text x="${x(at)}" y="${height - 8}" text-anchor="middle">${short(at)}</text>`,
  );
  const marks = ratios.map(({ what, rounds, ratio }, index) => {
    const y = index * ROW + 16;
    return `<text x="0" y="${y + 4}">${text(what)}</text><line x1="${x(Math.min(...rounds))}" x2="${x(Math.max(...rounds))}" y1="${y}" y2="${y}" stroke="${colourOf(0)}" stroke-width="3"/><circle cx="${x(ratio)}" cy="${y}" r="5" fill="${colourOf(0)}"/>`;
  });
  return svg(height, [...grid, ...marks]);
}

/** Orders per second of each turn, as they followed each other. */
function roundsPart(results: readonly SideResult[]): string {
  const turns = results.flatMap(({ name, turns: own }, index) => own.map((turn) => ({ name, index, turn })));
  const ordered = turns.toSorted((one, other) => one.turn.round - other.turn.round);
  const most = Math.max(...ordered.map(({ turn }) => turn.order.perSecond));
  const bars = ordered.map(({ name, index, turn }, at) => {
    const width = ((WIDTH - LABEL - 120) * turn.order.perSecond) / most;
    return `<text x="0" y="${at * ROW + 18}">${text(name)}, ${turn.round + 1}</text><rect x="${LABEL}" y="${at * ROW + 4}" width="${width}" height="18" fill="${colourOf(index)}"/><text x="${LABEL + width + 8}" y="${at * ROW + 18}">${short(turn.order.perSecond)}</text>`;
  });
  return `<h2>Orders per second to their deliveries, in turns</h2>\n${svg(ordered.length * ROW + 8, bars)}`;
}

/** CPU per order by process and server, one bar a phase. */
function costPart({ name, turns }: SideResult): string {
  const phases: readonly (readonly [string, readonly Phase[]])[] = [
    ["order → delivery", turns.map(({ order }) => order)],
    ["complete → COMPLETE", turns.flatMap(({ complete }) => complete ?? [])],
  ];
  const measured = phases.filter(([, list]) => list.length > 0);
  const names = [...new Set(measured.flatMap(([, list]) => list.flatMap(({ cpuMs }) => Object.keys(cpuMs))))];
  const of = (list: readonly Phase[], part: string) => median(list.map(({ cpuMs }) => cpuMs[part] ?? 0));
  const most = Math.max(...measured.map(([, list]) => names.reduce((sum, part) => sum + of(list, part), 0)));
  const bars = measured.map(([what, list], row) => {
    let from = 220;
    const pieces = names.map((part, index) => {
      const width = ((WIDTH - 240) * of(list, part)) / most;
      const piece = `<rect x="${from}" y="${row * 40 + 4}" width="${width}" height="26" fill="${colourOf(index)}"><title>${text(part)} ${short(of(list, part))} ms</title></rect>`;
      from += width;
      return piece;
    });
    return `<text x="0" y="${row * 40 + 22}">${text(what)}</text>${pieces.join("")}`;
  });
  const rows = names.map((part) => [part, ...measured.map(([, list]) => short(of(list, part)))]);
  const swatch = (index: number) => `<span style="color:${colourOf(index)}">■</span> `;
  const head = ["ms", ...measured.map(([what]) => what)];
  return [
    `<h2>${text(name)}: CPU per order</h2>`,
    svg(measured.length * 40 + 4, bars),
    table(head, rows, (row) => swatch(row)),
  ].join("\n");
}

function svg(height: number, parts: readonly string[]): string {
  return `<svg viewBox="0 0 ${WIDTH} ${height}" role="img">${parts.join("")}</svg>`;
}

function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  before: (row: number) => string = () => "",
): string {
  const line = (cells: readonly string[], tag: "th" | "td", start: string) =>
    `<tr>${cells.map((cell, column) => `<${tag}>${column === 0 ? start : ""}${text(cell)}</${tag}>`).join("")}</tr>`;
  return `<table>${line(head, "th", "")}${rows.map((row, index) => line(row, "td", before(index))).join("")}</table>`;
}
