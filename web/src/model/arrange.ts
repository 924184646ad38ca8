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

/** Columns along the links, the corner staying where it is. */
export async function laidOut(boxes: readonly Placed[], links: readonly { from: string; to: string }[]): Promise<Map<string, Point>> {
  const dagre = await import("@dagrejs/dagre");
  const graph = new dagre.graphlib.Graph({ multigraph: false });
  graph.setGraph({ rankdir: "LR", nodesep: 28, ranksep: 72, edgesep: 12, ranker: "network-simplex" });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const one of boxes) graph.setNode(one.id, { width: one.width, height: one.height });
  const known = new Set(boxes.map((one) => one.id));
  for (const { from, to } of links) if (known.has(from) && known.has(to)) graph.setEdge(from, to);
  dagre.layout(graph);
  const corners = boxes.map((one): [string, Point] => {
    const at = graph.node(one.id) as { x: number; y: number };
    return [one.id, [at.x - one.width / 2, at.y - one.height / 2]];
  });
  const left = Math.min(...boxes.map((one) => one.x)) - Math.min(...corners.map(([, [x]]) => x));
  const top = Math.min(...boxes.map((one) => one.y)) - Math.min(...corners.map(([, [, y]]) => y));
  const snap = (value: number) => Math.round(value / 8) * 8;
  return new Map(corners.map(([id, [x, y]]) => [id, [snap(x + left), snap(y + top)]]));
}
