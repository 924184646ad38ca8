// A graph as a drawing: an SVG file that any program shows, made from the same geometry as the canvas. Pure; every text of the
// document is escaped, and colours are those that the theme says.
import { endOf } from "@/canvas/culling";
import { lineStyleOf, linkPath, type LinkStyle } from "@/canvas/path";
import { titleOf, type CardData, type FlowEdge, type FlowNode, type GroupData, type NoteData } from "@/canvas/project";
import { boundsOf } from "@/canvas/viewport";
import { colourOf, hiddenLinksOf, linkOf, safeColour } from "@/model/document";
import { writeJson } from "@/model/json";
import { typeFamily } from "@/model/ports";
import { valueOf } from "@/model/value";
import type { Box, Row } from "@/model/geometry";

/** What a variable of the theme is, as a colour that every program knows: `#rrggbb`. */
export type Look = (variable: string) => string;

export interface Drawing {
  svg: string;
  width: number;
  height: number;
}

const MARGIN = 32;
const FONT = "Inter, system-ui, 'Segoe UI', Helvetica, Arial, sans-serif";
/** Letters of this font at 12 px, on average: texts are wrapped without a page to measure on. */
const LETTER = 6.2;
const LINE = 16;

/** What a node is called by its id. */
type Title = (id: string) => string;

/** The drawing; null for a graph of nothing. */
export function drawn(nodes: readonly FlowNode[], edges: readonly FlowEdge[], style: LinkStyle, look: Look): Drawing | null {
  const box = boundsOf(nodes.map((node) => ({ x: node.position.x, y: node.position.y, width: node.width ?? 0, height: node.height ?? 0 })));
  if (!box) return null;
  const [x, y, width, height] = [box.x - MARGIN, box.y - MARGIN, box.width + 2 * MARGIN, box.height + 2 * MARGIN].map(Math.round) as [number, number, number, number];
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const title = (id: string) => {
    const node = byId.get(id);
    return node ? titleOf(node) : id;
  };
  const below = nodes.filter((node) => node.data.kind === "group" || node.data.kind === "note");
  const above = nodes.filter((node) => node.data.kind === "card" || node.data.kind === "point");
  const parts = [
    element("rect", { x, y, width, height, fill: look("--canvas") }),
    ...below.map((node) => (node.data.kind === "group" ? frame(node, node.data, look) : note(node, node.data as NoteData, look))),
    ...edges.map((edge) => link(edge, byId, style, look)),
    ...above.map((node) => (node.data.kind === "card" ? card(node, node.data, look, title) : element("circle", { cx: node.position.x + (node.width ?? 0) / 2, cy: node.position.y + (node.height ?? 0) / 2, r: 4, fill: look("--text-2") }))),
  ];
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${x} ${y} ${width} ${height}" width="${width}" height="${height}" font-family="${FONT}" font-size="12">\n${parts.filter(Boolean).join("\n")}\n</svg>\n`;
  return { svg, width, height };
}

function link(edge: FlowEdge, byId: ReadonlyMap<string, FlowNode>, links: LinkStyle, look: Look): string {
  const style = lineStyleOf(links, false);
  const from = endOf(byId.get(edge.source), edge.sourceHandle);
  const to = endOf(byId.get(edge.target), edge.targetHandle);
  if (!from || !to || !style || edge.data?.hidden) return "";
  const d = linkPath(style, from, to, edge.data?.points);
  const colour = colourOfType(edge.data?.type ?? "*", look);
  return element("path", { d, fill: "none", stroke: look("--link-edge"), "stroke-width": 4.5 }) + element("path", { d, fill: "none", stroke: colour, "stroke-width": 2 });
}

function frame(node: FlowNode, { group }: GroupData, look: Look): string {
  const at = boxOf(node);
  const colour = safeColour(group.color) ?? look("--text-3");
  return element("rect", { ...at, rx: 10, fill: colour, "fill-opacity": 0.1, stroke: colour, "stroke-opacity": 0.45 }) + line(group.title, { x: at.x + 12, y: at.y, width: at.width - 24, height: 32 }, { fill: look("--text"), "font-size": 14, "font-weight": 600 });
}

function note(node: FlowNode, { note: { title, text } }: NoteData, look: Look): string {
  const at = boxOf(node);
  const words = title ? `${title}\n${text}` : text;
  return element("rect", { ...at, rx: 8, fill: look("--panel-2"), stroke: look("--warn"), "stroke-opacity": 0.5 }) + lines(words, { x: at.x + 11, y: at.y + 7, width: at.width - 22, height: at.height - 12 }, look("--text"));
}

function card(node: FlowNode, data: CardData, look: Look, title: Title): string {
  const { of, geometry } = data;
  const at = boxOf(node);
  const sockets = [...of.inputs.map((one) => socket(at.x, at.y + (geometry.inputs.get(one.name) ?? 0), one.type, linkOf(data.node.inputs?.[one.name]) !== null || !one.widget, false, look)), ...of.outputs.map((one) => socket(at.x + at.width, at.y + (geometry.outputs.get(one.name) ?? 0), one.type, true, one.is_list, look))];
  if (of.kind === "reroute") return sockets.slice(-1).join("");
  const collapsed = geometry.rows.length === 0;
  const tint = colourOf(data.node);
  const main = colourOfType(of.outputs[0]?.type ?? of.inputs.find((one) => !one.widget)?.type ?? "*", look);
  const heading = { x: at.x + 19, y: at.y, width: at.width - 28, height: geometry.head };
  const faint = data.node.mode === "bypass" ? 0.5 : data.node.mode === "mute" ? 0.4 : 1;
  const inner = [
    element("rect", { ...at, rx: 8, fill: look("--card"), stroke: look("--line") }),
    element("path", { d: topOf(at, geometry.head, collapsed), fill: look("--card-head") }),
    tint ? element("path", { d: topOf(at, geometry.head, collapsed), fill: tint, "fill-opacity": 0.3 }) : "",
    element("rect", { x: at.x + 9, y: at.y + geometry.head / 2 - 6.5, width: 3, height: 13, rx: 1.5, fill: main }),
    line(titleOf(node), heading, { fill: look("--text"), "font-size": 12.5, "font-weight": 600 }),
    ...geometry.rows.map((row) => rowOf(row, data, at, look, title)),
    ...(collapsed ? sockets.slice(0, 1).concat(sockets.slice(of.inputs.length)) : sockets),
  ];
  return `<g${faint < 1 ? ` opacity="${faint}"` : ""}>${inner.join("")}</g>`;
}

function rowOf(row: Row, { node }: CardData, at: Box, look: Look, title: Title): string {
  const inside = { x: at.x + 9, y: at.y + row.y + 1, width: at.width - 18, height: row.height - 2 };
  if (row.kind === "picture" || row.kind === "words") return element("rect", { ...inside, rx: 5, fill: look("--field") });
  if (row.kind === "more") return row.folded > 0 ? line("…", { ...inside, x: inside.x + 8 }, { fill: look("--text-3") }) : "";
  if (row.kind === "ports") {
    const half = { y: at.y + row.y, height: row.height, width: at.width / 2 - 17 };
    const [input, output] = [row.input?.name ?? "", row.output?.name ?? ""];
    const source = hiddenLinksOf(node).includes(input) ? linkOf(node.inputs?.[input]) : null;
    return line(source ? `${input} ← ${title(source.node)}` : input, { ...half, x: at.x + 13 }, { fill: look("--text-2") }) + line(output, { ...half, x: at.x + at.width / 2 + 4 }, { fill: look("--text-2") }, true);
  }
  const { input } = row;
  const source = linkOf(node.inputs?.[input.name]);
  const value = source ? `← ${title(source.node)}` : written(valueOf(input, node.inputs?.[input.name]));
  const field = element("rect", { ...inside, rx: 5, fill: look("--field") });
  if (row.kind === "text" && !source) return field + lines(value, { x: inside.x + 8, y: inside.y + 3, width: inside.width - 16, height: inside.height - 4 }, look("--text"));
  const height = Math.min(inside.height, 22);
  const name = input.name.length * (LETTER + 1) + 10;
  return field + line(input.name, { x: inside.x + 8, y: inside.y, width: inside.width - 16, height }, { fill: look("--text-2") }) + line(value, { x: inside.x + 8 + name, y: inside.y, width: Math.max(0, inside.width - 16 - name), height }, { fill: look("--text") }, true);
}

function socket(cx: number, cy: number, type: string, filled: boolean, isList: boolean, look: Look): string {
  const colour = colourOfType(type, look);
  if (!filled) return element("circle", { cx, cy, r: 2.5, fill: look("--card"), stroke: colour });
  const whole = { fill: colour, stroke: look("--canvas"), "stroke-width": 1.5 };
  return isList ? element("rect", { x: cx - 5, y: cy - 5, width: 10, height: 10, rx: 2, ...whole }) : element("circle", { cx, cy, r: 5, ...whole });
}

/** The head of a card: round above, round below as well where there is nothing below. */
function topOf({ x, y, width }: Box, head: number, alone: boolean): string {
  const r = 8;
  const end = alone ? `V${y + head - r}q0 ${r} ${-r} ${r}H${x + r}q${-r} 0 ${-r} ${-r}` : `V${y + head}H${x}`;
  return `M${x} ${y + r}q0 ${-r} ${r} ${-r}H${x + width - r}q${r} 0 ${r} ${r}${end}Z`;
}

type Attributes = Readonly<Record<string, string | number>>;

function element(name: string, attributes: Attributes): string {
  return `<${name} ${Object.entries(attributes).map(([key, value]) => `${key}="${escaped(String(value))}"`).join(" ")}/>`;
}

/** One line of text in a box, which cuts it off; `atEnd` against its right side. */
function line(text: string, { x, y, width, height }: Box, attributes: Attributes, atEnd = false): string {
  if (text === "" || width <= 0) return "";
  const place = atEnd ? `x="${width}" text-anchor="end"` : 'x="0"';
  const more = Object.entries(attributes).map(([key, value]) => ` ${key}="${value}"`).join("");
  return `<svg x="${x}" y="${y}" width="${width}" height="${height}"><text ${place} y="${height / 2}" dominant-baseline="central"${more}>${escaped(text.slice(0, 200))}</text></svg>`;
}

function lines(text: string, box: Box, fill: string): string {
  const all = wrapped(text, Math.max(4, Math.floor(box.width / LETTER)));
  const most = Math.max(1, Math.floor(box.height / LINE));
  const shown = all.length > most ? [...all.slice(0, most - 1), `${all[most - 1]!.slice(0, -1)}…`] : all;
  return shown.map((one, index) => line(one, { ...box, y: box.y + index * LINE, height: LINE }, { fill })).join("");
}

/** Lines of at most so many letters, broken between words where it can be. */
export function wrapped(text: string, most: number): string[] {
  return text.split("\n").flatMap((paragraph) => {
    const found: string[] = [];
    let rest = paragraph;
    while (rest.length > most) {
      const space = rest.lastIndexOf(" ", most);
      const at = space > most / 3 ? space : most;
      found.push(rest.slice(0, at).trimEnd());
      rest = rest.slice(at).trimStart();
    }
    return [...found, rest];
  });
}

function written(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : writeJson(value);
}

/** As a text or an attribute of XML, which knows no control characters. */
function escaped(text: string): string {
  const names: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "").replace(/[&<>"]/g, (one) => names[one]!);
}

const colourOfType = (type: string, look: Look): string => look(`--t-${typeFamily(type)}`);
const boxOf = (node: FlowNode): Box => ({ x: node.position.x, y: node.position.y, width: node.width ?? 0, height: node.height ?? 0 });
