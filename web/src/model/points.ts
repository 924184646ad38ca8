// Points of links on their way from one graph to another. Their ids count in each graph by themselves: those that come along get others.
import { reroutesOf, viaOf, type Graph, type GraphNode, type ReroutePoint } from "@/model/document";

/** The last point that the link into each input runs through; the others are its parents. */
export function lastPointsOf(node: GraphNode): Readonly<Record<string, string>> {
  const via = node.ui?.["via"];
  return via !== null && typeof via === "object" ? (via as Record<string, string>) : {};
}

export function withLastPoints(node: GraphNode, last: Readonly<Record<string, string>>): GraphNode {
  const { via: _before, ...ui } = node.ui ?? {};
  if (Object.keys(last).length > 0) return { ...node, ui: { ...ui, via: { ...last } } };
  if (node.ui?.["via"] === undefined) return node;
  return { ...node, ui };
}

/** Every point that a link of these nodes runs through, of the links that are asked for. */
export function pointsBehind(nodes: Readonly<Record<string, GraphNode>>, points: ReadonlyMap<string, ReroutePoint>, isAskedFor: (node: GraphNode, input: string) => boolean): ReroutePoint[] {
  const found = new Set<ReroutePoint>();
  for (const node of Object.values(nodes)) {
    for (const input of Object.keys(lastPointsOf(node))) {
      if (isAskedFor(node, input)) for (const point of viaOf(node, input, points)) found.add(point);
    }
  }
  return [...found];
}

/** An id that no point of the graph has, for each of these. */
export function freePointIds(graph: Graph, points: readonly ReroutePoint[]): ReadonlyMap<string, string> {
  let last = Math.max(0, ...[...reroutesOf(graph).keys()].map((id) => Number.parseInt(id, 10) || 0));
  return new Map(points.map(({ id }) => [id, String(++last)]));
}
