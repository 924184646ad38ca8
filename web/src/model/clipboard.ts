// Nodes on their way through the clipboard: a small document as readable JSON, so that it can be pasted anywhere.
import { readJson, writeJson } from "@/model/json";
import { groupId } from "@/model/frames";
import { freshName, groupsOf, linkOf, linkTo, nameFor, namesIn, notesOf, positionOf, REROUTE, SUBGRAPH, withUi, type Document, type Graph, type GraphNode, type Group, type Note, type Point } from "@/model/document";

export interface Clip {
  format: "latentgraph/1";
  nodes: Record<string, GraphNode>;
  subgraphs?: Document["subgraphs"];
  ui?: { notes?: Note[]; groups?: Group[] };
}

/** The selected nodes, notes and frames, with the links among them and from outside. */
export function copied(document: Document, graph: Graph, selection: ReadonlySet<string>): Clip | null {
  const nodes = Object.fromEntries(Object.entries(graph.nodes).filter(([name]) => selection.has(name)));
  const notes = notesOf(graph).filter((note) => selection.has(`note:${note.id}`));
  const groups = groupsOf(graph).filter((_, index) => selection.has(groupId(index)));
  if (Object.keys(nodes).length === 0 && notes.length === 0 && groups.length === 0) return null;
  const clip: Clip = { format: "latentgraph/1", nodes };
  const subgraphs = needed(nodes, document);
  if (Object.keys(subgraphs).length > 0) clip.subgraphs = subgraphs;
  if (notes.length > 0 || groups.length > 0) clip.ui = { ...(notes.length > 0 ? { notes } : {}), ...(groups.length > 0 ? { groups } : {}) };
  return clip;
}

function needed(nodes: Record<string, GraphNode>, document: Document): NonNullable<Document["subgraphs"]> {
  const found: NonNullable<Document["subgraphs"]> = {};
  const pending = Object.values(nodes);
  for (let node = pending.pop(); node; node = pending.pop()) {
    const id = node.type.startsWith(SUBGRAPH) ? node.type.slice(SUBGRAPH.length) : null;
    const subgraph = id === null ? undefined : document.subgraphs?.[id];
    if (id === null || !subgraph || found[id]) continue;
    found[id] = subgraph;
    pending.push(...Object.values(subgraph.nodes));
  }
  return found;
}

/** The corners of all that a clip holds. */
export function cornersOf(clip: Clip): Point[] {
  return [...Object.values(clip.nodes).map(positionOf), ...(clip.ui?.notes ?? []).map((note) => note.pos), ...(clip.ui?.groups ?? []).map((group) => group.pos)];
}

/** What a text of the clipboard holds; null if it is no workflow of ours. */
export function clipFrom(text: string): Clip | null {
  try {
    const data = readJson(text) as Partial<Clip>;
    return data.format === "latentgraph/1" && data.nodes && typeof data.nodes === "object" ? (data as Clip) : null;
  } catch {
    return null;
  }
}

/**
 * Nodes put into a graph around a place. Links among them stay; those from outside stay with `links`, where their sources are
 * in this graph. Subgraphs of other content get other names.
 */
export function pasted(document: Document, graph: Graph, clip: Clip, at: Point, links: boolean): { document: Document; graph: Graph; names: string[] } {
  const renamed = new Map<string, string>();
  const subgraphs = { ...document.subgraphs };
  const ids = new Map<string, string>();
  for (const [id, subgraph] of Object.entries(clip.subgraphs ?? {})) {
    const same = subgraphs[id] !== undefined && writeJson(subgraphs[id]) === writeJson(subgraph);
    ids.set(id, same || !subgraphs[id] ? id : freshName(id, { has: (name) => Object.hasOwn(subgraphs, name) }));
    if (!same) subgraphs[ids.get(id)!] = subgraph;
  }
  const taken = new Set(Object.keys(graph.nodes));
  for (const [name, node] of Object.entries(clip.nodes)) {
    const fresh = freshName(name || nameFor(node.type), { has: (one) => taken.has(one) });
    taken.add(fresh);
    renamed.set(name, fresh);
  }
  const notes = clip.ui?.notes ?? [];
  const corners = cornersOf(clip);
  const left = Math.min(...corners.map(([x]) => x));
  const top = Math.min(...corners.map(([, y]) => y));
  const placed = ([x, y]: Point): [number, number] => [Math.round(x - left + at[0]), Math.round(y - top + at[1])];
  const nodes: Record<string, GraphNode> = { ...graph.nodes };
  for (const [name, node] of Object.entries(clip.nodes)) {
    const inputs = Object.fromEntries(
      Object.entries(node.inputs ?? {}).flatMap(([input, value]) => {
        const source = linkOf(value);
        if (!source) return [[input, value]];
        const inner = renamed.get(source.node);
        if (inner) return [[input, linkTo({ node: inner, output: source.output })]];
        return links && namesIn(graph.nodes).has(source.node) ? [[input, value]] : [];
      }),
    );
    const type = node.type.startsWith(SUBGRAPH) ? SUBGRAPH + (ids.get(node.type.slice(SUBGRAPH.length)) ?? node.type.slice(SUBGRAPH.length)) : node.type;
    const { via: _points, ...ui } = (node.ui ?? {}) as Record<string, unknown>;
    nodes[renamed.get(name)!] = { ...node, type: type || REROUTE, inputs, ui: { ...ui, pos: placed(positionOf(node)) } };
  }
  let next: Graph = { ...graph, nodes };
  const noteNames: string[] = [];
  if (notes.length > 0) {
    const known = notesOf(graph);
    const ids_ = new Set(known.map((one) => one.id));
    const fresh = notes.map((note) => {
      const id = freshName("note", ids_);
      ids_.add(id);
      noteNames.push(`note:${id}`);
      return { ...note, id, pos: placed(note.pos) };
    });
    next = withUi(next, "notes", [...known, ...fresh]);
  }
  const groups = clip.ui?.groups ?? [];
  if (groups.length > 0) next = withUi(next, "groups", [...groupsOf(next), ...groups.map((one) => ({ ...one, pos: placed(one.pos) }))]);
  const whole = Object.keys(subgraphs).length > 0 ? { ...document, subgraphs } : document;
  return { document: whole, graph: next, names: [...renamed.values(), ...noteNames] };
}
