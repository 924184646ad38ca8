// How large a node is and where its sockets are: a pure function of what the node is, never of what a browser measured. Drawing,
// culling, the overview, layout and tests all ask here.
import type { InputSpec, OutputSpec } from "@/model/catalogue";
import { isCollapsed, linkOf, literalOf, sizeOf, type GraphNode } from "@/model/document";
import type { Interface } from "@/model/interface";

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Metrics {
  row: number;
  head: number;
}

export const DENSITIES = {
  compact: { row: 22, head: 28 },
  comfortable: { row: 26, head: 32 },
} as const satisfies Record<string, Metrics>;

export type Density = keyof typeof DENSITIES;

export const WIDTH = 240;
export const NARROWEST = 140;
export const PAD = 6;
const TEXT_ROWS = 4;
const PICTURE = 208;

/**
 * A row of a node: an input and an output beside each other, a field, a text of several lines, what unfolds fields that are seldom
 * changed (so many are `folded` now), a place for a picture, or one for words that it tells.
 */
export type Row =
  | { kind: "ports"; y: number; height: number; input?: InputSpec; output?: OutputSpec }
  | { kind: "field"; y: number; height: number; input: InputSpec }
  | { kind: "text"; y: number; height: number; input: InputSpec }
  | { kind: "more"; y: number; height: number; folded: number }
  | { kind: "picture"; y: number; height: number }
  | { kind: "words"; y: number; height: number };

export interface Geometry {
  width: number;
  height: number;
  head: number;
  rows: readonly Row[];
  /** The middles of the sockets, from the node's top. */
  inputs: ReadonlyMap<string, number>;
  outputs: ReadonlyMap<string, number>;
}

const REROUTE_SIZE = 18;
const cache = new WeakMap<GraphNode, { of: Interface; metrics: Metrics; made: Geometry }>();

export function geometryOf(node: GraphNode, of: Interface, metrics: Metrics): Geometry {
  const known = cache.get(node);
  if (known && known.of === of && known.metrics === metrics) return known.made;
  const made = of.kind === "reroute" ? reroute(of) : isCollapsed(node) ? collapsed(node, of, metrics) : whole(node, of, metrics);
  cache.set(node, { of, metrics, made });
  return made;
}

/** Whether a node shows a picture: what it loads, or what came out of it. */
function showsPicture(of: Interface): boolean {
  const spec = of.spec;
  if (!spec) return false;
  const makesOne = spec.effect === true && spec.inputs.some((one) => one.type === "IMAGE" || one.type === "MASK");
  return makesOne || spec.inputs.some((one) => one.widget?.widget === "file" && one.widget.folder === "input");
}

/** Whether a node is there to tell something in words: it runs for its own sake, saves nothing and shows no picture. */
function showsWords(of: Interface): boolean {
  return of.spec?.effect === true && of.outputs.length === 0 && of.spec.saves === undefined && !showsPicture(of);
}

/** Between a node and the live picture below it. */
export const PREVIEW_GAP = 6;

/** How much room a node takes below itself while it works: those that sample or train show there, as wide as they are, what they have so far. */
export function previewRoom(of: Interface, { width }: Geometry): number {
  const gives = (type: string) => of.outputs.some((one) => one.type === type);
  const samples = gives("LATENT") && of.inputs.some(({ type }) => type === "MODEL" || type === "GUIDER") && of.inputs.some(({ name }) => name === "steps" || name === "sigmas");
  return samples || gives("LOSS_MAP") ? PREVIEW_GAP + width : 0;
}

/** The fields that are folded away: seldom changed, neither linked nor changed here, and not asked for. */
export function foldedIn(node: GraphNode, of: Interface): readonly InputSpec[] {
  if (node.ui?.["advanced"] === true) return NONE;
  const folded = of.inputs.filter((one) => one.advanced === true && one.widget && isAsUsual(one, node));
  return folded.length > 0 ? folded : NONE;
}

const NONE: readonly InputSpec[] = [];

function isAsUsual(input: InputSpec, node: GraphNode): boolean {
  const given = node.inputs?.[input.name];
  return given === undefined || (linkOf(given) === null && literalOf(given) === input.default);
}

function isText(input: InputSpec): boolean {
  return input.widget?.widget === "text" && input.widget.multiline === true;
}

function whole(node: GraphNode, of: Interface, { row, head }: Metrics): Geometry {
  const sockets = of.inputs.filter((one) => !one.widget);
  const folded = foldedIn(node, of);
  const fields = of.inputs.filter((one) => one.widget && !isText(one) && !folded.includes(one));
  const unfolds = folded.length > 0 || (node.ui?.["advanced"] === true && of.inputs.some((one) => one.advanced === true && one.widget));
  const texts = of.inputs.filter(isText);
  const picture = showsPicture(of);
  const words = showsWords(of);
  const size = sizeOf(node);
  const width = Math.round(Math.max(NARROWEST, size?.[0] ?? (texts.length > 0 ? WIDTH + 60 : WIDTH)));

  const ports = Math.max(sockets.length, of.outputs.length);
  const fixed = head + PAD * 2 + (ports + fields.length + (unfolds ? 1 : 0)) * row;
  const natural = fixed + (texts.length + (words ? 1 : 0)) * TEXT_ROWS * row + (picture ? PICTURE : 0);
  const stretch = texts.length + (picture ? 1 : 0) + (words ? 1 : 0);
  const wanted = size?.[1] ?? natural;
  const more = stretch > 0 ? Math.max((wanted - natural) / stretch, -(TEXT_ROWS - 2) * row) : 0;

  const rows: Row[] = [];
  const inputs = new Map<string, number>();
  const outputs = new Map<string, number>();
  let y = head + PAD;
  for (let index = 0; index < ports; index++) {
    const input = sockets[index];
    const output = of.outputs[index];
    rows.push({ kind: "ports", y, height: row, ...(input ? { input } : {}), ...(output ? { output } : {}) });
    if (input) inputs.set(input.name, y + row / 2);
    if (output) outputs.set(output.name, y + row / 2);
    y += row;
  }
  for (const input of fields) {
    rows.push({ kind: "field", y, height: row, input });
    inputs.set(input.name, y + row / 2);
    y += row;
  }
  if (unfolds) {
    rows.push({ kind: "more", y, height: row, folded: folded.length });
    for (const input of folded) inputs.set(input.name, y + row / 2);
    y += row;
  }
  for (const input of texts) {
    const height = Math.round(TEXT_ROWS * row + more);
    rows.push({ kind: "text", y, height, input });
    inputs.set(input.name, y + row / 2);
    y += height;
  }
  if (picture) {
    const height = Math.round(PICTURE + more);
    rows.push({ kind: "picture", y, height });
    y += height;
  }
  if (words) {
    const height = Math.round(TEXT_ROWS * row + more);
    rows.push({ kind: "words", y, height });
    y += height;
  }
  return { width, height: y + PAD, head, rows, inputs, outputs };
}

function collapsed(node: GraphNode, of: Interface, { head }: Metrics): Geometry {
  const width = Math.round(Math.min(sizeOf(node)?.[0] ?? WIDTH, WIDTH));
  const at = (names: readonly { name: string }[]) => new Map(names.map((one) => [one.name, head / 2]));
  return { width, height: head, head, rows: [], inputs: at(of.inputs), outputs: at(of.outputs) };
}

function reroute(of: Interface): Geometry {
  const at = (names: readonly { name: string }[]) => new Map(names.map((one) => [one.name, REROUTE_SIZE / 2]));
  return { width: REROUTE_SIZE, height: REROUTE_SIZE, head: 0, rows: [], inputs: at(of.inputs), outputs: at(of.outputs) };
}
