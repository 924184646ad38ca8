// The workflow document as a value: never changed, only followed by another. Its shape is the file's own (see
// graph/latentgraph-1.schema.json), so that saving is writing it down.
import type { Input, LatentgraphWorkflow, Node, Nodes, Parameters, Subgraph } from "@/generated/workflow";

export type Document = LatentgraphWorkflow;
export type GraphNode = Node;
export type Parameter = Parameters[number];
export type Point = readonly [number, number];

/** Where the nodes of a graph are: the document itself (`""`), or one of its subgraphs by name. */
export type Scope = string;

/** What the document and its subgraphs have in common. */
export interface Graph {
  nodes: Nodes;
  parameters?: Parameters;
  outputs?: Subgraph["outputs"];
  ui?: Record<string, unknown>;
}

/** An end of a link: an output of a node. */
export interface Source {
  node: string;
  output: string;
}

export interface Group {
  title: string;
  pos: [number, number];
  size: [number, number];
  color?: string;
  collapsed?: boolean;
  pinned?: boolean;
}

export interface Note {
  id: string;
  text: string;
  markdown?: boolean;
  title?: string;
  pos: [number, number];
  size: [number, number];
  color?: string;
}

/** A point that links run through; `parent` is the point before it. */
export interface ReroutePoint {
  id: string;
  pos: [number, number];
  parent?: string;
}

export const SUBGRAPH = "subgraph:";
export const REROUTE = "Reroute";

export const emptyDocument = (name = ""): Document => ({ format: "latentgraph/1", ...(name ? { name } : {}), nodes: {} });

export function graphAt(document: Document, scope: Scope): Graph {
  if (scope === "") return document as Graph;
  return (document.subgraphs?.[scope] as Graph | undefined) ?? { nodes: {} };
}

/** The document with one of its graphs changed. The same document if the change changes nothing. */
export function withGraph(document: Document, scope: Scope, change: (graph: Graph) => Graph): Document {
  const before = graphAt(document, scope);
  const after = change(before);
  if (after === before) return document;
  if (scope === "") return after as Document;
  return { ...document, subgraphs: { ...document.subgraphs, [scope]: after as Subgraph } };
}

/** The document with another graph in the place of one of its own; the graph may bring nothing but what graphs have. */
export function withWhole(document: Document, scope: Scope, graph: Graph): Document {
  return withGraph(document, scope, () => (scope === "" ? { ...document, ...graph, ...(document.subgraphs ? { subgraphs: document.subgraphs } : {}) } : graph));
}

/** The graph with one node changed. */
export function withNode(graph: Graph, name: string, change: (node: GraphNode) => GraphNode): Graph {
  return withNodes(graph, [name], change);
}

/** The graph with some nodes changed. It is copied once, however many they are. */
export function withNodes(graph: Graph, names: Iterable<string>, change: (node: GraphNode) => GraphNode): Graph {
  const changed: Record<string, GraphNode> = {};
  for (const name of names) {
    const before = graph.nodes[name];
    const after = before && change(before);
    if (after && after !== before) changed[name] = after;
  }
  return Object.keys(changed).length === 0 ? graph : { ...graph, nodes: { ...graph.nodes, ...changed } };
}

/** Whether two documents compute the same: places, titles and the like are not looked at. Costs what differs. */
export function sameWork(one: Document, other: Document): boolean {
  if (one === other) return true;
  const scopes = new Set(["", ...Object.keys(one.subgraphs ?? {}), ...Object.keys(other.subgraphs ?? {})]);
  return [...scopes].every((scope) => sameWorkIn(graphAt(one, scope), graphAt(other, scope)));
}

export function sameWorkIn(one: Graph, other: Graph): boolean {
  if (one === other) return true;
  const names = Object.keys(one.nodes);
  if (one.outputs !== other.outputs || one.parameters !== other.parameters || names.length !== Object.keys(other.nodes).length) return false;
  return names.every((name) => sameWorkOf(one.nodes[name], other.nodes[name]));
}

export function sameWorkOf(one: GraphNode | undefined, other: GraphNode | undefined): boolean {
  return one === other || (one?.type === other?.type && one?.inputs === other?.inputs && one?.mode === other?.mode);
}

export function linkOf(value: Input | undefined): Source | null {
  if (value !== null && typeof value === "object" && !Array.isArray(value) && "from" in value) {
    return { node: value.from[0], output: value.from[1] };
  }
  return null;
}

/** The parameter that an input is offered as. */
export function parameterOf(graph: Graph, to: { node: string; input: string }): Parameter | undefined {
  return graph.parameters?.find((one) => one.binds.some(([node, input]) => node === to.node && input === to.input));
}

/** The literal behind an input; undefined for a link or where nothing is given. */
export function literalOf(value: Input | undefined): unknown {
  if (value !== null && typeof value === "object" && !Array.isArray(value)) return "value" in value ? value.value : undefined;
  return value;
}

export function linkTo(source: Source): Input {
  return { from: [source.node, source.output] };
}

/** A literal as the file writes it. */
export function literal(value: unknown): Input {
  const isObject = value !== null && typeof value === "object" && !Array.isArray(value);
  return isObject ? { value } : (value as Input);
}

/** The node's corner. Nodes that were never placed are at the origin until someone lays them out. */
export function positionOf(node: GraphNode): Point {
  return pair(node.ui?.["pos"]) ?? [0, 0];
}

export function sizeOf(node: GraphNode): Point | null {
  return pair(node.ui?.["size"]);
}

export function isCollapsed(node: GraphNode): boolean {
  return node.ui?.["collapsed"] === true;
}

/** Stays where it is until it is unpinned. */
export function isPinned(node: GraphNode): boolean {
  return node.ui?.["pinned"] === true;
}

/** The colour a person gave a node; null for none. Colours come from files of others: nothing but a hex colour is taken. */
export function colourOf(node: GraphNode): string | null {
  return safeColour(node.ui?.["color"]);
}

export function safeColour(colour: unknown): string | null {
  return typeof colour === "string" && /^#[0-9a-f]{3,8}$/i.test(colour) ? colour : null;
}

/** The inputs of a node whose links are not drawn. */
export function hiddenLinksOf(node: GraphNode): readonly string[] {
  const hidden = node.ui?.["hidden"];
  return Array.isArray(hidden) ? hidden.filter((one): one is string => typeof one === "string") : [];
}

function pair(value: unknown): Point | null {
  return Array.isArray(value) && value.length >= 2 && Number.isFinite(value[0]) && Number.isFinite(value[1])
    ? [value[0] as number, value[1] as number]
    : null;
}

/** Entries of `ui` that others may have written: what is not of the right form is left out. */
export function groupsOf(graph: Graph): Group[] {
  return entries(graph.ui?.["groups"]).flatMap((one) => {
    const pos = pair(one["pos"]);
    const size = pair(one["size"]);
    return pos && size ? [{ ...one, title: text(one["title"]), pos: [...pos], size: [...size] } as Group] : [];
  });
}

export function notesOf(graph: Graph): Note[] {
  return entries(graph.ui?.["notes"]).flatMap((one, index) => {
    const pos = pair(one["pos"]);
    const size = pair(one["size"]) ?? [240, 120];
    if (!pos) return [];
    return [{ ...one, id: String(one["id"] ?? index), text: text(one["text"]), pos: [...pos], size: [...size] } as Note];
  });
}

export function reroutesOf(graph: Graph): Map<string, ReroutePoint> {
  const points = entries(graph.ui?.["reroutes"]).flatMap((one) => {
    const pos = pair(one["pos"]);
    return pos ? [{ ...one, id: String(one["id"]), pos: [...pos] } as ReroutePoint] : [];
  });
  return new Map(points.map((one) => [one.id, one]));
}

/** The points that the link into an input runs through, from its source on. */
export function viaOf(node: GraphNode, input: string, points: ReadonlyMap<string, ReroutePoint>): ReroutePoint[] {
  const via = node.ui?.["via"] as Record<string, string> | undefined;
  const chain: ReroutePoint[] = [];
  let current = via && typeof via === "object" ? via[input] : undefined;
  while (current !== undefined && chain.length < 256) {
    const point = points.get(String(current));
    if (!point || chain.includes(point)) break;
    chain.unshift(point);
    current = point.parent;
  }
  return chain;
}

export function withUi(graph: Graph, key: string, value: unknown): Graph {
  return { ...graph, ui: { ...graph.ui, [key]: value } };
}

function entries(value: unknown): Record<string, unknown>[] {
  if (!Array.isArray(value)) return [];
  return value.filter((one): one is Record<string, unknown> => one !== null && typeof one === "object");
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** A name that is not taken yet: `sampler`, `sampler_2`, ... */
export function freshName(wanted: string, taken: { has(name: string): boolean }): string {
  if (!taken.has(wanted)) return wanted;
  const stem = wanted.replace(/_\d+$/, "");
  for (let number = 2; ; number++) if (!taken.has(`${stem}_${number}`)) return `${stem}_${number}`;
}

/** A node's name from its type: `CLIPTextEncode` becomes `clip_text_encode`. */
export function nameFor(type: string): string {
  const words = type
    .replace(SUBGRAPH, "")
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .replace(/([A-Z]+)([A-Z][a-z])/g, "$1_$2")
    .replace(/[^A-Za-z0-9]+/g, "_")
    .replace(/^_+|_+$/g, "");
  return words.toLowerCase() || "node";
}

export function namesIn(nodes: Nodes): { has(name: string): boolean } {
  return { has: (name) => Object.hasOwn(nodes, name) };
}
