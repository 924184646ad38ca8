// The graph as boxes and lines on a canvas: for the overview from far away and for the minimap. Costs what a canvas costs,
// however many nodes there are.
import type { FlowEdge, FlowNode, CardData } from "@/canvas/project";
import { cornersOf, lineStyleOf, reachOf, type LineStyle, type LinkStyle } from "@/canvas/path";
import type { Point } from "@/model/document";
import { CLOSED_HEIGHT } from "@/model/frames";
import { typeFamily } from "@/model/ports";

export interface Palette {
  card: string;
  line: string;
  text: string;
  accent: string;
  bad: string;
  cached: string;
  will: string;
  group: string;
  type: (type: string) => string;
}

/** The theme's colours as a canvas needs them. */
export function paletteOf(element: HTMLElement): Palette {
  const style = getComputedStyle(element);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const types = new Map<string, string>();
  return {
    card: colour("--card-head"),
    line: colour("--text-3"),
    text: colour("--text"),
    accent: colour("--accent"),
    bad: colour("--bad"),
    cached: colour("--cached"),
    will: colour("--will"),
    group: colour("--line"),
    type: (type) => {
      const family = typeFamily(type);
      let found = types.get(family);
      if (found === undefined) types.set(family, (found = colour(`--t-${family}`)));
      return found;
    },
  };
}

/** How links look: in these colours, so, and one that is lit stands out. */
export interface LinkLook {
  palette: Palette;
  links: LinkStyle;
  lit: string | null;
}

export interface Marks {
  /** What the plan says: fills the node's left edge. */
  status: (id: string) => "cached" | "run" | "error" | "running" | null;
  title: (id: string) => string;
}

export interface Place {
  x: number;
  y: number;
  zoom: number;
}

export function paintGraph(context: CanvasRenderingContext2D, nodes: readonly FlowNode[], edges: readonly FlowEdge[], at: Place, width: number, height: number, look: LinkLook, marks: Marks | null): void {
  const { x, y, zoom } = at;
  const { palette } = look;
  const seen = (left: number, top: number, wide: number, high: number) => left < width && top < height && left + wide > 0 && top + high > 0;
  const byId = new Map(nodes.map((node) => [node.id, node]));
  context.clearRect(0, 0, width, height);
  paintLinks(context, byId, edges, at, width, height, look);
  for (const node of nodes) {
    const left = node.position.x * zoom + x;
    const top = node.position.y * zoom + y;
    const wide = (node.width ?? 0) * zoom;
    const high = (node.height ?? 0) * zoom;
    if (!seen(left, top, wide, high) || node.type === "point") continue;
    if (node.type === "group-frame") paintFrame(context, left, top, wide, high, palette);
    else paintCard(context, node, left, top, wide, high, palette, marks);
  }
  if (marks) for (const node of nodes) if (node.type === "group-frame") paintFrameTitle(context, node, at, seen, palette, marks.title(node.id));
}

/** Links alone, over what is on the canvas already; one that is lit stands out, and the others step back. */
export function paintLinks(context: CanvasRenderingContext2D, byId: ReadonlyMap<string, FlowNode>, edges: readonly FlowEdge[], at: Place, width: number, height: number, { palette, links, lit }: LinkLook): void {
  const { x, y, zoom } = at;
  const seen = (left: number, top: number, wide: number, high: number) => left < width && top < height && left + wide > 0 && top + high > 0;
  const usual = Math.max(0.6, Math.min(2, 5 * zoom));
  for (const edge of lit === null ? edges : [...edges].sort((one, other) => Number(one.id === lit) - Number(other.id === lit))) {
    const from = byId.get(edge.source);
    const to = byId.get(edge.target);
    const style = lineStyleOf(links, edge.selected);
    if (!from || !to || !style) continue;
    const start = endOf(from, edge.sourceHandle, at);
    const end = endOf(to, edge.targetHandle, at);
    const stops = [start, ...(edge.data?.points ?? []).map((point): [number, number] => [point[0] * zoom + x, point[1] * zoom + y]), end];
    const [xs, ys] = [stops.map(([one]) => one), stops.map(([, one]) => one)];
    const [left, top] = [Math.min(...xs), Math.min(...ys)];
    if (!seen(left, top, Math.max(...xs) - left + 1, Math.max(...ys) - top + 1)) continue;
    context.strokeStyle = palette.type(edge.data?.type ?? "*");
    context.lineWidth = edge.id === lit ? 3 : usual;
    context.globalAlpha = lit === null ? 0.55 : edge.id === lit ? 1 : 0.16;
    context.beginPath();
    context.moveTo(start[0], start[1]);
    for (let index = 1; index < stops.length; index++) paintPiece(context, style, stops[index - 1]!, stops[index]!, zoom);
    context.stroke();
  }
  context.globalAlpha = 1;
}

function paintPiece(context: CanvasRenderingContext2D, style: LineStyle, from: Point, to: Point, zoom: number): void {
  if (style !== "spline") {
    for (const [x, y] of cornersOf(style, from, to)) context.lineTo(x, y);
    return;
  }
  const reach = reachOf([from[0] / zoom, from[1] / zoom], [to[0] / zoom, to[1] / zoom]) * zoom;
  context.bezierCurveTo(from[0] + reach, from[1], to[0] - reach, to[1], to[0], to[1]);
}

function endOf(node: FlowNode, handle: string | null | undefined, { x, y, zoom }: Place): [number, number] {
  const found = node.handles?.find((one) => one.id === handle);
  const middle = found ? found.y + (found.height ?? 0) / 2 : (node.height ?? 0) / 2;
  const across = found?.type === "source" ? (node.width ?? 0) : 0;
  return [(node.position.x + across) * zoom + x, (node.position.y + middle) * zoom + y];
}

function paintFrame(context: CanvasRenderingContext2D, left: number, top: number, wide: number, high: number, palette: Palette): void {
  context.globalAlpha = 0.18;
  context.fillStyle = palette.group;
  context.fillRect(left, top, wide, high);
  context.globalAlpha = 1;
}

/** Over everything, in the frame's head; above the frame where that is too low. */
function paintFrameTitle(context: CanvasRenderingContext2D, node: FlowNode, { x, y, zoom }: Place, seen: (left: number, top: number, wide: number, high: number) => boolean, palette: Palette, title: string): void {
  const head = CLOSED_HEIGHT * zoom;
  const wide = (node.width ?? 0) * zoom;
  const [left, top] = [node.position.x * zoom + x, node.position.y * zoom + y];
  if (wide <= NARROWEST_TITLED || !seen(left, top - LETTERS, wide, LETTERS + head)) return;
  context.fillStyle = palette.text;
  context.font = '600 10.5px "Inter", system-ui, sans-serif';
  context.textBaseline = "middle";
  context.fillText(shortened(context, title, wide - 6), left + 3, head < LETTERS - 2 ? top - LETTERS / 2 : top + head / 2);
}

/** How high letters are that are painted, and how wide what they name is at least. */
const LETTERS = 11;
const NARROWEST_TITLED = 30;

function paintCard(context: CanvasRenderingContext2D, node: FlowNode, left: number, top: number, wide: number, high: number, palette: Palette, marks: Marks | null): void {
  const data = node.data as CardData;
  const status = marks?.status(node.id) ?? null;
  const of = data.kind === "card" ? data.of : null;
  context.globalAlpha = data.kind === "card" && data.node.mode === "mute" ? 0.3 : data.kind === "card" && data.node.mode === "bypass" ? 0.5 : 1;
  context.fillStyle = palette.card;
  context.beginPath();
  context.roundRect(left, top, wide, high, Math.min(4, high / 4));
  context.fill();
  const type = of?.outputs[0]?.type ?? of?.inputs[0]?.type;
  if (type) {
    context.fillStyle = palette.type(type);
    context.fillRect(left, top, Math.max(1, Math.min(3, wide / 20)), high);
  }
  if (status) {
    const size = status === "error" || status === "running" ? Math.max(5, Math.min(9, high / 3)) : Math.max(1.5, Math.min(3, high / 12));
    context.fillStyle = status === "error" ? palette.bad : status === "cached" ? palette.cached : status === "running" ? palette.accent : palette.will;
    context.beginPath();
    context.arc(left + wide - size - 2, top + size + 2, size, 0, Math.PI * 2);
    context.fill();
  }
  if (node.selected || status === "error" || status === "running") {
    context.strokeStyle = status === "error" ? palette.bad : palette.accent;
    context.lineWidth = 2;
    context.stroke();
  }
  if (marks && wide > NARROWEST_TITLED && high > 10) {
    context.fillStyle = palette.text;
    context.font = '500 10.5px "Inter", system-ui, sans-serif';
    context.textBaseline = "middle";
    context.fillText(shortened(context, marks.title(node.id), wide - 15), left + 6, top + Math.min(high / 2, 10));
  }
  context.globalAlpha = 1;
}

function shortened(context: CanvasRenderingContext2D, text: string, width: number): string {
  if (context.measureText(text).width <= width) return text;
  let length = text.length;
  while (length > 1 && context.measureText(text.slice(0, length) + "…").width > width) length--;
  return text.slice(0, length) + "…";
}

/** A canvas made as sharp as the screen is. */
export function sharpened(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D | null {
  const ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const context = canvas.getContext("2d");
  context?.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}
