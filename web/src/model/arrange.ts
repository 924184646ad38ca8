// Where nodes go by themselves: in columns along the links, or in line with each other.
import type { Point } from "@/model/document";

export interface Placed {
  id: string;
  x: number;
  y: number;
  width: number;
  height: number;
}

export type Alignment = "left" | "right" | "top" | "bottom" | "centre" | "middle";

export function aligned(boxes: readonly Placed[], how: Alignment): Map<string, Point> {
  const left = Math.min(...boxes.map((one) => one.x));
  const right = Math.max(...boxes.map((one) => one.x + one.width));
  const top = Math.min(...boxes.map((one) => one.y));
  const bottom = Math.max(...boxes.map((one) => one.y + one.height));
  const at = (one: Placed): Point => {
    switch (how) {
      case "left":
        return [left, one.y];
      case "right":
        return [right - one.width, one.y];
      case "centre":
        return [(left + right - one.width) / 2, one.y];
      case "top":
        return [one.x, top];
      case "bottom":
        return [one.x, bottom - one.height];
      case "middle":
        return [one.x, (top + bottom - one.height) / 2];
    }
  };
  return new Map(boxes.map((one) => [one.id, at(one)]));
}

/** The same gap between all of them, first and last staying where they are. */
export function distributed(boxes: readonly Placed[], along: "x" | "y"): Map<string, Point> {
  const size = (one: Placed) => (along === "x" ? one.width : one.height);
  const sorted = [...boxes].sort((one, other) => one[along] - other[along]);
  const first = sorted[0];
  const last = sorted.at(-1);
  if (!first || !last || sorted.length < 3) return new Map();
  const room = last[along] - (first[along] + size(first)) - sorted.slice(1, -1).reduce((sum, one) => sum + size(one), 0);
  const gap = room / (sorted.length - 1);
  let next = first[along];
  return new Map(
    sorted.map((one): [string, Point] => {
      const at = next;
      next += size(one) + gap;
      return [one.id, along === "x" ? [at, one.y] : [one.x, at]];
    }),
  );
}

/** That one node feeds another. */
export interface Flow {
  from: string;
  to: string;
}

/** Columns along the links, the corner staying where it is. What stood above another stays above it, where that crosses no more links. */
export async function laidOut(boxes: readonly Placed[], links: readonly Flow[]): Promise<Map<string, Point>> {
  if (boxes.length === 0) return new Map();
  const dagre = await import("@dagrejs/dagre");
  const graph = new dagre.graphlib.Graph({ multigraph: false });
  graph.setGraph({ rankdir: "LR", nodesep: 28, ranksep: 72, edgesep: 12, ranker: "network-simplex" });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const one of boxes) graph.setNode(one.id, { width: one.width, height: one.height });
  const known = new Set(boxes.map((one) => one.id));
  const inside = links.filter(({ from, to }) => known.has(from) && known.has(to));
  for (const { from, to } of inside) graph.setEdge(from, to);
  dagre.layout(graph);
  const corners = inOrder(
    boxes,
    inside,
    boxes.map((one) => {
      const at = graph.node(one.id) as { x: number; y: number };
      return { ...one, x: at.x - one.width / 2, y: at.y - one.height / 2 };
    }),
  );
  const left = Math.min(...boxes.map((one) => one.x)) - Math.min(...corners.map(({ x }) => x));
  const top = Math.min(...boxes.map((one) => one.y)) - Math.min(...corners.map(({ y }) => y));
  const snap = (value: number) => Math.round(value / 8) * 8;
  return new Map(corners.map(({ id, x, y }) => [id, [snap(x + left), snap(y + top)]]));
}

/** Neighbours in a column change places where they stood the other way round before, and no more links cross for it. */
function inOrder(before: readonly Placed[], links: readonly Flow[], laid: readonly Placed[]): readonly Placed[] {
  const stood = new Map(before.map((one) => [one.id, one.y]));
  const now = new Map(laid.map((one) => [one.id, one]));
  const sides = [neighbours(links, "to", "from"), neighbours(links, "from", "to")];
  const middle = (id: string) => now.get(id)!.y + now.get(id)!.height / 2;
  const crossings = (above: string, below: string) => sides.reduce((sum, of) => sum + (of.get(above) ?? []).flatMap((one) => (of.get(below) ?? []).filter((other) => middle(one) > middle(other))).length, 0);
  for (const column of columnsOf(laid)) {
    for (let pass = 1; pass < column.length; pass++) {
      for (let at = 1; at < column.length; at++) {
        const [above, below] = [column[at - 1]!, column[at]!];
        if (stood.get(above)! <= stood.get(below)! || crossings(below, above) > crossings(above, below)) continue;
        const [high, low] = [now.get(above)!, now.get(below)!];
        now.set(below, { ...low, y: high.y });
        now.set(above, { ...high, y: low.y + low.height - high.height });
        [column[at - 1], column[at]] = [below, above];
      }
    }
  }
  return laid.map(({ id }) => now.get(id)!);
}

/** What is at the other end of each node's links. */
function neighbours(links: readonly Flow[], here: keyof Flow, there: keyof Flow): ReadonlyMap<string, string[]> {
  const found = new Map<string, string[]>();
  for (const link of links) found.set(link[here], [...(found.get(link[here]) ?? []), link[there]]);
  return found;
}

/** Names by columns, each from the top down. */
function columnsOf(laid: readonly Placed[]): string[][] {
  const columns = new Map<number, Placed[]>();
  for (const one of laid) {
    const middle = Math.round(one.x + one.width / 2);
    columns.set(middle, [...(columns.get(middle) ?? []), one]);
  }
  return [...columns.values()].map((column) => column.sort((one, other) => one.y - other.y).map(({ id }) => id));
}
