// Nodes on their way through the clipboard: a small document as readable JSON, so that it can be pasted anywhere.
import { readJson } from "@/model/json";
import { groupId } from "@/model/frames";
import { groupsOf, linkOf, notesOf, positionOf, reroutesOf, SUBGRAPH, type Document, type Graph, type GraphNode, type Group, type Note, type Point, type ReroutePoint } from "@/model/document";
import { pointsBehind } from "@/model/points";

export interface Clip {
  format: "latentgraph/1";
  nodes: Record<string, GraphNode>;
  subgraphs?: Document["subgraphs"];
  ui?: { notes?: Note[]; groups?: Group[]; reroutes?: ReroutePoint[] };
}

/** The selected nodes, notes and frames, with the links among them and from outside, and the points that those among them run through. */
export function copied(document: Document, graph: Graph, selection: ReadonlySet<string>): Clip | null {
  const nodes = Object.fromEntries(Object.entries(graph.nodes).filter(([name]) => selection.has(name)));
  const notes = notesOf(graph).filter((note) => selection.has(`note:${note.id}`));
  const groups = groupsOf(graph).filter((_, index) => selection.has(groupId(index)));
  if (Object.keys(nodes).length === 0 && notes.length === 0 && groups.length === 0) return null;
  const clip: Clip = { format: "latentgraph/1", nodes };
  const subgraphs = needed(nodes, document);
  if (Object.keys(subgraphs).length > 0) clip.subgraphs = subgraphs;
  const reroutes = pointsBehind(nodes, reroutesOf(graph), (node, input) => selection.has(linkOf(node.inputs?.[input])?.node ?? ""));
  const ui = { ...(notes.length > 0 ? { notes } : {}), ...(groups.length > 0 ? { groups } : {}), ...(reroutes.length > 0 ? { reroutes } : {}) };
  return Object.keys(ui).length > 0 ? { ...clip, ui } : clip;
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
  return [...Object.values(clip.nodes).map(positionOf), ...notesOf(clip as Graph).map((note) => note.pos), ...groupsOf(clip as Graph).map((group) => group.pos)];
}

/** The upper left corner of all of it. */
export function cornerOf(clip: Clip): Point {
  const corners = cornersOf(clip);
  return [Math.min(...corners.map(([x]) => x)), Math.min(...corners.map(([, y]) => y))];
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
