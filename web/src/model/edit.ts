// Edits of a graph: pure functions from one graph to the next, each leaving it whole (no link, parameter or output is left
// that leads to what is gone).
import type { Catalogue } from "@/model/catalogue";
import {
  freshName,
  groupsOf,
  hiddenLinksOf,
  linkOf,
  linkTo,
  literal,
  nameFor,
  namesIn,
  notesOf,
  positionOf,
  reroutesOf,
  withNode,
  withNodes,
  withUi,
  type Document,
  type Graph,
  type GraphNode,
  type Group,
  type Note,
  type Point,
  type Source,
} from "@/model/document";
import { INPUTS, OUTPUTS } from "@/model/boundary";
import { refusalOf, type Target } from "@/model/connect";
import { interfaceIn } from "@/model/interface";

/** A new node, and its name. */
export function addNode(graph: Graph, type: string, at: Point, more: Partial<GraphNode> = {}): { graph: Graph; name: string } {
  const name = freshName(nameFor(type), namesIn(graph.nodes));
  const node: GraphNode = { type, ...more, ui: { ...more.ui, pos: [Math.round(at[0]), Math.round(at[1])] } };
  return { graph: { ...graph, nodes: { ...graph.nodes, [name]: node } }, name };
}

export function setInput(graph: Graph, node: string, input: string, value: unknown): Graph {
  return setInputs(graph, [node], input, value);
}

/** One value for the input of that name of several nodes. */
export function setInputs(graph: Graph, nodes: Iterable<string>, input: string, value: unknown): Graph {
  return withNodes(graph, nodes, (one) => ({ ...one, inputs: { ...one.inputs, [input]: literal(value) } }));
}

export function resetInput(graph: Graph, node: string, input: string): Graph {
  return withNode(graph, node, (one) => withoutInput(one, input));
}

export function link(graph: Graph, from: Source, to: Target): Graph {
  return withNode(graph, to.node, (one) => ({ ...withoutVia(one, to.input), inputs: { ...one.inputs, [to.input]: linkTo(from) } }));
}

export function unlink(graph: Graph, to: Target): Graph {
  return withNode(graph, to.node, (one) => (linkOf(one.inputs?.[to.input]) ? withoutInput(withoutVia(one, to.input), to.input) : one));
}

/** Every link that comes from an output. */
export function linksFrom(graph: Graph, from: Source): Target[] {
  return Object.entries(graph.nodes).flatMap(([node, one]) =>
    Object.entries(one.inputs ?? {}).flatMap(([input, value]) => {
      const source = linkOf(value);
      return source?.node === from.node && source.output === from.output ? [{ node, input }] : [];
    }),
  );
}

export function setMode(graph: Graph, names: Iterable<string>, mode: "on" | "mute" | "bypass"): Graph {
  return withNodes(graph, names, (one) => {
    const { mode: _before, ...rest } = one;
    return mode === "on" ? rest : { ...rest, mode };
  });
}

export function setTitle(graph: Graph, name: string, title: string): Graph {
  return withNode(graph, name, (one) => {
    const { title: _before, ...rest } = one;
    return title.trim() === "" ? rest : { ...rest, title: title.trim() };
  });
}

export function setNodeUi(graph: Graph, name: string, change: Record<string, unknown>): Graph {
  return setNodesUi(graph, [name], change);
}

export function setNodesUi(graph: Graph, names: Iterable<string>, change: Record<string, unknown>): Graph {
  return withNodes(graph, names, (one) => ({ ...one, ui: kept({ ...one.ui, ...change }) }));
}

/** Draw the link into an input, or do not. */
export function hideLink(graph: Graph, to: Target, hide: boolean): Graph {
  const node = graph.nodes[to.node];
  if (!node) return graph;
  const others = hiddenLinksOf(node).filter((one) => one !== to.input);
  const hidden = hide ? [...others, to.input] : others;
  return setNodeUi(graph, to.node, { hidden: hidden.length > 0 ? hidden : undefined });
}

/** Places of nodes, notes (`note:ID`), groups (`group:INDEX`) and points of links (`point:ID`). */
export function move(graph: Graph, places: ReadonlyMap<string, Point>): Graph {
  let next = graph;
  const nodes: Record<string, GraphNode> = {};
  for (const [id, at] of places) {
    const node = graph.nodes[id];
    const pos = [Math.round(at[0]), Math.round(at[1])];
    if (node) {
      const before = positionOf(node);
      if (before[0] !== pos[0] || before[1] !== pos[1] || !node.ui?.["pos"]) nodes[id] = { ...node, ui: { ...node.ui, pos } };
    } else if (id.startsWith("note:")) next = setNote(next, id.slice(5), { pos: pos as [number, number] });
    else if (id.startsWith("group:")) next = setGroup(next, Number(id.slice(6)), { pos: pos as [number, number] });
    else if (id === INPUTS || id === OUTPUTS) next = withUi(next, id.slice(1), pos);
    else if (id.startsWith("point:")) next = movePoint(next, id.slice(6), pos as [number, number]);
  }
  return Object.keys(nodes).length > 0 ? { ...next, nodes: { ...next.nodes, ...nodes } } : next;
}

/** Put a node into a link, if it has an input and an output that fit. Null when it has not. */
export function insertOnLink(graph: Graph, name: string, to: Target, document: Document, catalogue: Catalogue): Graph | null {
  const source = linkOf(graph.nodes[to.node]?.inputs?.[to.input]);
  if (!source || source.node === name || to.node === name) return null;
  const of = interfaceIn(name, graph, document, catalogue);
  const inward = of.inputs
    .filter((one) => !linkOf(graph.nodes[name]?.inputs?.[one.name]))
    .filter((one) => refusalOf(source, { node: name, input: one.name }, graph, document, catalogue) === null)
    .sort((one, other) => Number(Boolean(one.widget)) - Number(Boolean(other.widget)))[0];
  const outward = of.outputs.find((one) => refusalOf({ node: name, output: one.name }, to, graph, document, catalogue) === null);
  if (!inward || !outward) return null;
  return link(link(graph, source, { node: name, input: inward.name }), { node: name, output: outward.name }, to);
}

// Groups, notes, points of links

export function addGroup(graph: Graph, group: Group): Graph {
  return withUi(graph, "groups", [...groupsOf(graph), group]);
}

export function setGroup(graph: Graph, index: number, change: Partial<Group>): Graph {
  return withUi(graph, "groups", groupsOf(graph).map((one, at) => (at === index ? kept({ ...one, ...change }) : one)));
}

export function addNote(graph: Graph, note: Omit<Note, "id">): { graph: Graph; id: string } {
  const notes = notesOf(graph);
  const taken = new Set(notes.map((one) => one.id));
  const id = freshName("note", taken);
  return { graph: withUi(graph, "notes", [...notes, { id, ...note }]), id };
}

export function setNote(graph: Graph, id: string, change: Partial<Note>): Graph {
  return withUi(graph, "notes", notesOf(graph).map((one) => (one.id === id ? { ...one, ...change } : one)));
}

/** Take notes, groups and points away, by the ids that `move` knows. */
export function removeDecoration(graph: Graph, ids: ReadonlySet<string>): Graph {
  let next = graph;
  if (notesOf(graph).some((one) => ids.has(`note:${one.id}`))) {
    next = withUi(next, "notes", notesOf(next).filter((one) => !ids.has(`note:${one.id}`)));
  }
  if ([...ids].some((id) => id.startsWith("group:"))) {
    next = withUi(next, "groups", groupsOf(next).filter((_, index) => !ids.has(`group:${index}`)));
  }
  for (const id of ids) if (id.startsWith("point:")) next = removePoint(next, id.slice(6));
  return next;
}

/** A new point on the link into an input, after those it runs through already. The links at the ends of a subgraph have none. */
export function addPoint(graph: Graph, to: Target, at: Point): Graph {
  if (!linkOf(graph.nodes[to.node]?.inputs?.[to.input])) return graph;
  const points = reroutesOf(graph);
  const id = String(Math.max(0, ...[...points.keys()].map((one) => Number.parseInt(one, 10) || 0)) + 1);
  const via = (graph.nodes[to.node]?.ui?.["via"] ?? {}) as Record<string, string>;
  const parent = via[to.input];
  const point = { id, pos: [Math.round(at[0]), Math.round(at[1])], ...(parent === undefined ? {} : { parent }) };
  const next = withUi(graph, "reroutes", [...points.values(), point]);
  return setNodeUi(next, to.node, { via: { ...via, [to.input]: id } });
}

function movePoint(graph: Graph, id: string, pos: [number, number]): Graph {
  return withUi(graph, "reroutes", [...reroutesOf(graph).values()].map((one) => (one.id === id ? { ...one, pos } : one)));
}

function removePoint(graph: Graph, id: string): Graph {
  const points = reroutesOf(graph);
  const gone = points.get(id);
  if (!gone) return graph;
  const rest = [...points.values()].filter((one) => one.id !== id);
  const next = withUi(graph, "reroutes", rest.map((one) => (one.parent === id ? kept({ ...one, parent: gone.parent }) : one)));
  const nodes = Object.fromEntries(
    Object.entries(next.nodes).map(([name, node]) => {
      const via = node.ui?.["via"] as Record<string, string> | undefined;
      if (!via || !Object.values(via).includes(id)) return [name, node];
      const moved = Object.fromEntries(Object.entries(via).flatMap(([input, last]) => (last !== id ? [[input, last]] : gone.parent ? [[input, gone.parent]] : [])));
      return [name, { ...node, ui: { ...node.ui, via: moved } }];
    }),
  );
  return { ...next, nodes };
}

export function withoutInput(node: GraphNode, input: string): GraphNode {
  if (node.inputs?.[input] === undefined) return node;
  const { [input]: _gone, ...inputs } = node.inputs;
  return { ...node, inputs };
}

export function withoutVia(node: GraphNode, input: string): GraphNode {
  const via = node.ui?.["via"] as Record<string, string> | undefined;
  if (!via || via[input] === undefined) return node;
  const { [input]: _gone, ...rest } = via;
  return { ...node, ui: kept({ ...node.ui, via: Object.keys(rest).length > 0 ? rest : undefined }) };
}

function kept<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as T;
}
