// From a graph to what the graph library draws. What did not change is the same object as before, so that the library draws
// nothing anew for it. Geometry is declared, never measured: only what is seen is ever mounted.
import { Position, type Edge, type Node, type NodeHandle } from "@xyflow/react";
import type { Catalogue } from "@/model/catalogue";
import {
  groupsOf,
  hiddenLinksOf,
  isPinned,
  linkOf,
  notesOf,
  positionOf,
  reroutesOf,
  viaOf,
  type Document,
  type Graph,
  type GraphNode,
  type Group,
  type Note,
  type Point,
  type ReroutePoint,
  type Scope,
} from "@/model/document";
import { CLOSED_HEIGHT, groupId, hiddenIn, type SizeOf } from "@/model/frames";
import { boundaryOf, INPUTS, OUTPUTS, type BoundaryTitles } from "@/model/boundary";
import { foldedIn, geometryOf, type Geometry, type Metrics } from "@/model/geometry";
import { interfaceIn, outputType, type Interface } from "@/model/interface";
import { writeJson } from "@/model/json";
import { ANY } from "@/model/ports";

export type CardData = { kind: "card"; node: GraphNode; of: Interface; geometry: Geometry };
export type NoteData = { kind: "note"; note: Note };
/** `members`: the nodes that a closed frame hides. */
export type GroupData = { kind: "group"; group: Group; index: number; members: readonly string[] };
export type PointData = { kind: "point"; point: ReroutePoint; type: string };
export type AnyData = CardData | NoteData | GroupData | PointData;
export type FlowNode = Node<AnyData>;
export type FlowEdge = Edge<{ type: string; points: readonly Point[]; hidden: boolean }>;

/** What is projected: a graph of a document, with all that its nodes look like by. */
export interface Scene {
  graph: Graph;
  document: Document;
  scope: Scope;
  catalogue: Catalogue;
  metrics: Metrics;
  ends: BoundaryTitles;
}

interface FlowEnd {
  node: string;
  handle: string;
}

/** The socket of a closed frame: all links of what it hides end there. */
export const FRAME = "frame";
export const HANDLE = 10;
const POINT = 14;

/** What a person calls it; the id of what has no name. */
export function titleOf({ id, data }: FlowNode): string {
  if (data.kind === "card") return data.node.title || data.of.title;
  return data.kind === "group" ? data.group.title : id;
}

export const inputHandle = (name: string): string => `i:${name}`;
export const outputHandle = (name: string): string => `o:${name}`;
export const nameOfHandle = (handle: string): string => handle.slice(2);
export const edgeId = (node: string, input: string): string => `${node}\n${input}`;
export const targetOfEdge = (id: string): { node: string; input: string } => {
  const at = id.indexOf("\n");
  return { node: id.slice(0, at), input: id.slice(at + 1) };
};

/** Makes the nodes and links of one view, remembering what it made. */
export class Projection {
  private nodes = new Map<string, { key: unknown[] | null; made: FlowNode }>();
  private placed: { of: readonly unknown[]; moved: ReadonlyMap<string, Point>; made: FlowNode[] } | null = null;
  private edges = new Map<string, { key: unknown[]; made: FlowEdge }>();
  private closed: { graph: Graph; catalogue: Catalogue; metrics: Metrics; made: ReadonlyMap<string, string> } | null = null;
  private listed: { hidden: ReadonlyMap<string, string>; graph: Graph; catalogue: Catalogue; moved: ReadonlyMap<string, Point>; made: FlowEdge[] } | null = null;

  /** What closed frames hide, each thing with the frame that is seen in its place. */
  hidden(graph: Graph, document: Document, catalogue: Catalogue, metrics: Metrics): ReadonlyMap<string, string> {
    const known = this.closed;
    if (known && known.graph === graph && known.catalogue === catalogue && known.metrics === metrics) return known.made;
    const next = hiddenIn(graph, this.sizes(graph, document, catalogue, metrics));
    const unchanged = known && known.made.size === next.size && [...next].every(([id, frame]) => known.made.get(id) === frame);
    this.closed = { graph, catalogue, metrics, made: unchanged ? known.made : next };
    return this.closed.made;
  }

  sizes(graph: Graph, document: Document, catalogue: Catalogue, metrics: Metrics): SizeOf {
    return (name) => {
      const { width, height } = geometryOf(graph.nodes[name]!, interfaceIn(name, graph, document, catalogue), metrics);
      return [width, height];
    };
  }

  /** The nodes; the same array where none is drawn in another way. What stands in fields is not in it: cards read that themselves. */
  cards(scene: Scene, selection: ReadonlySet<string>, moved: ReadonlyMap<string, Point>): FlowNode[] {
    const of = [scene.graph, scene.document, scene.scope, scene.catalogue, scene.metrics, scene.ends, selection];
    const last = this.placed;
    const gesture = last !== null && same(last.of, of) && [...last.moved.keys()].every((id) => moved.has(id));
    const all = gesture ? this.shifted(last.made, moved) : this.projected(scene, selection, moved);
    const made = last && same(last.made, all) ? last.made : all;
    this.placed = { of, moved, made };
    return made;
  }

  /** While some are dragged all the others stay what they are. */
  private shifted(all: readonly FlowNode[], moved: ReadonlyMap<string, Point>): FlowNode[] {
    return all.map((node) => {
      const at = moved.get(node.id);
      if (!at) return node;
      const [x, y] = node.type === "point" ? [at[0] - POINT / 2, at[1] - POINT / 2] : at;
      const made = { ...node, position: { x, y } };
      this.nodes.set(node.id, { key: null, made });
      return made;
    });
  }

  private projected({ graph, document, scope, catalogue, metrics, ends }: Scene, selection: ReadonlySet<string>, moved: ReadonlyMap<string, Point>): FlowNode[] {
    const hidden = this.hidden(graph, document, catalogue, metrics);
    const before = this.nodes;
    this.nodes = new Map();
    const keep = (id: string, key: unknown[], make: () => FlowNode): FlowNode => {
      const known = before.get(id);
      const entry = known?.key && same(known.key, key) ? known : { key, made: make() };
      this.nodes.set(id, entry);
      return entry.made;
    };
    const made: FlowNode[] = [];
    groupsOf(graph).forEach((group, index) => {
      const id = groupId(index);
      if (hidden.has(id)) return;
      const members = group.collapsed ? [...hidden].flatMap(([name, frame]) => (frame === id && Object.hasOwn(graph.nodes, name) ? [name] : [])) : [];
      const at = moved.get(id) ?? group.pos;
      const selected = selection.has(id);
      made.push(keep(id, [writeJson(group), members.join("\n"), at[0], at[1], selected], () => groupNode(id, group, index, members, at, selected)));
    });
    for (const [id, node] of Object.entries(graph.nodes)) {
      if (hidden.has(id)) continue;
      const of = interfaceIn(id, graph, document, catalogue);
      const at = moved.get(id) ?? positionOf(node);
      const selected = selection.has(id);
      const ofKey = of.kind === "unknown" ? writeJson(of) : of;
      made.push(keep(id, [node.type, node.title, node.mode, node.ui, ofKey, foldedIn(node, of).length, metrics, at[0], at[1], selected], () => card(id, node, of, geometryOf(node, of, metrics), at, selected)));
    }
    if (scope !== "") {
      for (const one of boundaryOf(graph, document, scope, catalogue, ends)) {
        const at = moved.get(one.id) ?? one.pos;
        const selected = selection.has(one.id);
        made.push(keep(one.id, [writeJson(one), metrics, at[0], at[1], selected], () => card(one.id, one.node, one.of, geometryOf(one.node, one.of, metrics), at, selected)));
      }
    }
    for (const note of notesOf(graph)) {
      const id = `note:${note.id}`;
      if (hidden.has(id)) continue;
      const at = moved.get(id) ?? note.pos;
      const selected = selection.has(id);
      made.push(keep(id, [writeJson(note), at[0], at[1], selected], () => noteNode(id, note, at, selected)));
    }
    for (const point of reroutesOf(graph).values()) {
      const id = `point:${point.id}`;
      if (hidden.has(id)) continue;
      const at = moved.get(id) ?? point.pos;
      const selected = selection.has(id);
      made.push(keep(id, [at[0], at[1], selected], () => pointNode(id, point, at, selected)));
    }
    return made;
  }

  links(graph: Graph, document: Document, scope: Scope, catalogue: Catalogue, moved: ReadonlyMap<string, Point>, hidden: ReadonlyMap<string, string>): FlowEdge[] {
    const known = this.listed;
    if (known && known.catalogue === catalogue && known.moved === moved && known.hidden === hidden && sameLinks(known.graph, graph)) {
      this.listed = { ...known, graph };
      return known.made;
    }
    const before = this.edges;
    this.edges = new Map();
    const points = reroutesOf(graph);
    const made: FlowEdge[] = [];
    const add = (source: string, output: string, target: string, input: string, type: string, via: readonly Point[], unseen = false) => {
      const [from, to] = [hidden.get(source), hidden.get(target)];
      if (from !== undefined && from === to) return;
      const id = edgeId(target, input);
      const key = [source, output, type, via.map((at) => at.join(",")).join(";"), unseen, from, to];
      const known = before.get(id);
      const entry = known && same(known.key, key) ? known : { key, made: edge(id, { node: from ?? source, handle: from ? outputHandle(FRAME) : outputHandle(output) }, { node: to ?? target, handle: to ? inputHandle(FRAME) : inputHandle(input) }, type, via, unseen) };
      this.edges.set(id, entry);
      made.push(entry.made);
    };
    const types = new Map<string, string>();
    for (const [target, node] of Object.entries(graph.nodes)) {
      const entries = Object.entries(node.inputs ?? {});
      const unseen = hiddenLinksOf(node);
      for (const [input, value] of entries) {
        const source = linkOf(value);
        if (!source) continue;
        const from = interfaceIn(source.node, graph, document, catalogue);
        if (!from.outputs.some((one) => one.name === source.output)) continue;
        if (!interfaceIn(target, graph, document, catalogue).inputs.some((one) => one.name === input)) continue;
        const key = `${source.node}\n${source.output}`;
        let type = types.get(key);
        if (type === undefined) types.set(key, (type = outputType(source, graph, document, catalogue)));
        add(source.node, source.output, target, input, type, viaOf(node, input, points).flatMap((one) => (hidden.has(`point:${one.id}`) ? [] : [moved.get(`point:${one.id}`) ?? one.pos])), unseen.includes(input));
      }
    }
    if (scope !== "") {
      for (const parameter of graph.parameters ?? []) {
        for (const [node, input] of parameter.binds) {
          const found = graph.nodes[node] && interfaceIn(node, graph, document, catalogue).inputs.find((one) => one.name === input);
          if (found) add(INPUTS, parameter.name, node, input, found.type, []);
        }
      }
      for (const output of graph.outputs ?? []) {
        const from = { node: output.from[0], output: output.from[1] };
        if (interfaceIn(from.node, graph, document, catalogue).outputs.some((one) => one.name === from.output)) {
          add(from.node, from.output, OUTPUTS, output.name, outputType(from, graph, document, catalogue), []);
        }
      }
    }
    this.listed = { graph, catalogue, moved, hidden, made };
    return made;
  }
}

/** Whether the same links are drawn for two graphs: values of fields and places of nodes are not looked at. */
function sameLinks(one: Graph, other: Graph): boolean {
  if (one.parameters !== other.parameters || one.outputs !== other.outputs) return false;
  if (one.ui?.["reroutes"] !== other.ui?.["reroutes"]) return false;
  const names = Object.keys(other.nodes);
  if (names.length !== Object.keys(one.nodes).length) return false;
  return names.every((name) => {
    const [before, after] = [one.nodes[name], other.nodes[name]];
    if (before === after) return true;
    if (!before || !after || before.type !== after.type || before.ui?.["via"] !== after.ui?.["via"] || before.ui?.["hidden"] !== after.ui?.["hidden"]) return false;
    const inputs = Object.keys(after.inputs ?? {});
    return (
      inputs.every((input) => {
        const value = after.inputs![input];
        return value === before.inputs?.[input] || (linkOf(value) === null && linkOf(before.inputs?.[input]) === null);
      }) && Object.keys(before.inputs ?? {}).every((input) => linkOf(before.inputs![input]) === null || inputs.includes(input))
    );
  });
}

/** Whether nodes are where others were, of the same size, with the same sockets, and selected as they were. */
export function samePlaces(one: readonly FlowNode[], other: readonly FlowNode[]): boolean {
  if (one.length !== other.length) return false;
  return other.every((node, index) => {
    const before = one[index]!;
    if (before === node) return true;
    const sockets = before.data.kind !== "card" || node.data.kind !== "card" || before.data.of === node.data.of;
    return before.id === node.id && before.selected === node.selected && sockets && before.position.x === node.position.x && before.position.y === node.position.y && before.width === node.width && before.height === node.height;
  });
}

function card(id: string, node: GraphNode, of: Interface, geometry: Geometry, at: Point, selected: boolean): FlowNode {
  return {
    id,
    type: of.kind === "reroute" ? "reroute" : "card",
    position: { x: at[0], y: at[1] },
    width: geometry.width,
    height: geometry.height,
    measured: { width: geometry.width, height: geometry.height },
    handles: handlesOf(of, geometry),
    selected,
    zIndex: 1,
    draggable: !isPinned(node),
    ariaLabel: `${node.title ?? of.title}, ${of.title}`,
    data: { kind: "card", node, of, geometry },
  };
}

function handlesOf(of: Interface, geometry: Geometry): NodeHandle[] {
  return [
    ...of.inputs.map((one) => socket("target", 0, geometry.inputs.get(one.name) ?? 0, inputHandle(one.name))),
    ...of.outputs.map((one) => socket("source", geometry.width, geometry.outputs.get(one.name) ?? 0, outputHandle(one.name))),
  ];
}

function socket(type: "source" | "target", x: number, y: number, id: string): NodeHandle {
  const half = HANDLE / 2;
  return { id, type, position: type === "target" ? Position.Left : Position.Right, x: x - half, y: y - half, width: HANDLE, height: HANDLE };
}

function noteNode(id: string, note: Note, at: Point, selected: boolean): FlowNode {
  const [width, height] = note.size;
  return { id, type: "note", position: { x: at[0], y: at[1] }, width, height, measured: { width, height }, handles: [], selected, zIndex: 0, data: { kind: "note", note } };
}

function groupNode(id: string, group: Group, index: number, members: readonly string[], at: Point, selected: boolean): FlowNode {
  const width = group.size[0];
  const height = group.collapsed ? CLOSED_HEIGHT : group.size[1];
  return {
    id,
    type: "group-frame",
    position: { x: at[0], y: at[1] },
    width,
    height,
    measured: { width, height },
    handles: group.collapsed ? [socket("target", 0, height / 2, inputHandle(FRAME)), socket("source", width, height / 2, outputHandle(FRAME))] : [],
    selected,
    zIndex: group.collapsed ? 1 : -1,
    dragHandle: ".group-title",
    draggable: group.pinned !== true,
    // What is inside an open frame is the canvas: only its title and its handles are there for the pointer.
    ...(group.collapsed ? {} : { style: { pointerEvents: "none" as const } }),
    data: { kind: "group", group, index, members },
  };
}

function pointNode(id: string, point: ReroutePoint, at: Point, selected: boolean): FlowNode {
  return {
    id,
    type: "point",
    position: { x: at[0] - POINT / 2, y: at[1] - POINT / 2 },
    width: POINT,
    height: POINT,
    measured: { width: POINT, height: POINT },
    handles: [],
    selected,
    zIndex: 2,
    data: { kind: "point", point, type: ANY },
  };
}

/** The middle of a point from the corner that the library knows. */
export const middleOfPoint = (corner: { x: number; y: number }): Point => [corner.x + POINT / 2, corner.y + POINT / 2];

function edge(id: string, from: FlowEnd, to: FlowEnd, type: string, points: readonly Point[], hidden: boolean): FlowEdge {
  return {
    id,
    type: "link",
    source: from.node,
    sourceHandle: from.handle,
    target: to.node,
    targetHandle: to.handle,
    focusable: false,
    data: { type, points, hidden },
  };
}

function same(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one.length === other.length && one.every((value, index) => value === other[index]);
}
