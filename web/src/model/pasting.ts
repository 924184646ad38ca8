// What a clip holds, put into a graph of a document.
import { cornerOf, type Clip } from "@/model/clipboard";
import { withDecorations } from "@/model/decorations";
import { freshName, linkOf, linkTo, nameFor, namesIn, positionOf, REROUTE, SUBGRAPH, type Document, type Graph, type GraphNode, type Point } from "@/model/document";
import { writeJson } from "@/model/json";
import { lastPointsOf, withLastPoints } from "@/model/points";

type Subgraphs = NonNullable<Document["subgraphs"]>;
type Subgraph = Subgraphs[string];

/**
 * Nodes put into a graph around a place. Links among them stay; those from outside stay with `links`, where their sources are
 * in this graph. Subgraphs of other content get other names.
 */
export function pasted(document: Document, graph: Graph, clip: Clip, at: Point, links: boolean): { document: Document; graph: Graph; names: string[] } {
  const subgraphs = withSubgraphs(document.subgraphs ?? {}, clip.subgraphs ?? {});
  const names = freshNames(clip.nodes, graph);
  const placed = placing(clip, at);
  const decorated = withDecorations(graph, clip as Graph, placed);
  const isOutside = (source: string) => links && namesIn(graph.nodes).has(source);
  const nodes = Object.entries(clip.nodes).map(([name, node]): [string, GraphNode] => {
    const linked = withLinks(node, names, decorated.points, isOutside);
    return [names.get(name)!, { ...linked, type: subgraphs.typeOf(node.type) || REROUTE, ui: { ...linked.ui, pos: placed(positionOf(node)) } }];
  });
  return {
    document: Object.keys(subgraphs.all).length > 0 ? { ...document, subgraphs: subgraphs.all } : document,
    graph: { ...decorated.graph, nodes: { ...graph.nodes, ...Object.fromEntries(nodes) } },
    names: [...names.values(), ...decorated.notes.map((id) => `note:${id}`)],
  };
}

function freshNames(nodes: Clip["nodes"], graph: Graph): ReadonlyMap<string, string> {
  const taken = new Set(Object.keys(graph.nodes));
  const names = new Map<string, string>();
  for (const [name, node] of Object.entries(nodes)) {
    const fresh = freshName(name || nameFor(node.type), taken);
    taken.add(fresh);
    names.set(name, fresh);
  }
  return names;
}

function placing(clip: Clip, at: Point): (from: Point) => [number, number] {
  const [left, top] = cornerOf(clip);
  return ([x, y]) => [Math.round(x - left + at[0]), Math.round(y - top + at[1])];
}

/** Links among the pasted lead where they led, through the same points; others only where their source is. */
function withLinks(node: GraphNode, names: ReadonlyMap<string, string>, points: ReadonlyMap<string, string>, isOutside: (source: string) => boolean): GraphNode {
  const last: Record<string, string> = {};
  const inputs = Object.entries(node.inputs ?? {}).flatMap(([input, value]) => {
    const source = linkOf(value);
    if (!source) return [[input, value] as const];
    const inner = names.get(source.node);
    if (inner === undefined) return isOutside(source.node) ? [[input, value] as const] : [];
    const point = points.get(String(lastPointsOf(node)[input]));
    if (point !== undefined) last[input] = point;
    return [[input, linkTo({ node: inner, output: source.output })] as const];
  });
  return withLastPoints({ ...node, inputs: Object.fromEntries(inputs) }, last);
}

/** The subgraphs of a document with others beside them, and what a type that was written for those is called now. */
function withSubgraphs(present: Subgraphs, more: Subgraphs): { all: Subgraphs; typeOf: (type: string) => string } {
  const all = { ...present };
  const ids = new Map<string, string>();
  const taken = new Set(Object.keys(present));
  const typeOf = (type: string): string => (type.startsWith(SUBGRAPH) ? SUBGRAPH + settled(type.slice(SUBGRAPH.length)) : type);
  // What is inside is settled first. Subgraphs of the same content are then the same all the way down.
  const settled = (id: string): string => {
    const known = ids.get(id);
    if (known !== undefined) return known;
    if (!Object.hasOwn(more, id)) return id;
    const fresh = freshName(id, taken);
    taken.add(fresh);
    ids.set(id, fresh); // for one that contains itself
    const content = retyped(more[id]!, typeOf);
    const twin = twinOf(content, id, present);
    if (twin === undefined) all[fresh] = content;
    else ids.set(id, twin);
    return ids.get(id)!;
  };
  for (const id of Object.keys(more)) settled(id);
  return { all, typeOf };
}

function retyped(subgraph: Subgraph, typeOf: (type: string) => string): Subgraph {
  const nodes = Object.entries(subgraph.nodes).map(([name, node]) => [name, { ...node, type: typeOf(node.type) }]);
  return { ...subgraph, nodes: Object.fromEntries(nodes) as Subgraph["nodes"] };
}

/** The subgraph that has this content, under this name or one that was made of it before. */
function twinOf(content: Subgraph, id: string, present: Subgraphs): string | undefined {
  const text = writeJson(content);
  const namesakes = Object.keys(present).filter((name) => stemOf(name) === stemOf(id));
  const twins = namesakes.filter((name) => writeJson(present[name]) === text);
  return twins.includes(id) ? id : twins[0];
}

const stemOf = (name: string): string => name.replace(/_\d+$/, "");
