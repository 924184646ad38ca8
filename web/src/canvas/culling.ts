// Which links are to be seen in a part of the canvas: those whose line really comes through it, not only the box around it. Where
// a thousand links leave one loader, that is the difference between a few and all.
import type { Point } from "@/model/document";
import { cornersOf, lineStyleOf, overhangOf, type LineStyle, type LinkStyle } from "@/canvas/path";
import type { FlowEdge, FlowNode } from "@/canvas/project";
import type { Box } from "@/model/geometry";

export function linksIn(edges: readonly FlowEdge[], nodes: ReadonlyMap<string, FlowNode>, box: Box, links: LinkStyle): FlowEdge[] {
  return edges.filter((edge) => {
    const style = lineStyleOf(links, edge.selected);
    const from = endOf(nodes.get(edge.source), edge.sourceHandle);
    const to = endOf(nodes.get(edge.target), edge.targetHandle);
    return style !== null && from !== null && to !== null && comesThrough(style, [from, ...(edge.data?.points ?? []), to], box);
  });
}

/** Where a link ends on the canvas; null where there is no such socket. */
export function endOf(node: FlowNode | undefined, handle: string | null | undefined): Point | null {
  const found = node?.handles?.find((one) => one.id === handle);
  return node && found ? [node.position.x + found.x + (found.width ?? 0) / 2, node.position.y + found.y + (found.height ?? 0) / 2] : null;
}

function comesThrough(style: LineStyle, stops: readonly Point[], box: Box): boolean {
  for (let index = 1; index < stops.length; index++) if (pieceIn(style, stops[index - 1]!, stops[index]!, box)) return true;
  return false;
}

function pieceIn(style: LineStyle, from: Point, to: Point, box: Box): boolean {
  const reach = overhangOf(style, from, to);
  const left = Math.min(from[0], to[0] - reach);
  const right = Math.max(to[0], from[0] + reach);
  if (right < box.x || left > box.x + box.width || Math.max(from[1], to[1]) < box.y || Math.min(from[1], to[1]) > box.y + box.height) return false;
  let [x, y] = from;
  for (const [nextX, nextY] of cornersOf(style, from, to)) {
    if (segmentIn(x, y, nextX, nextY, box)) return true;
    [x, y] = [nextX, nextY];
  }
  return false;
}

/** Whether a straight piece meets a box (Liang and Barsky's clipping). */
function segmentIn(x: number, y: number, toX: number, toY: number, box: Box): boolean {
  let enters = 0;
  let leaves = 1;
  for (const [along, room] of [
    [x - toX, x - box.x],
    [toX - x, box.x + box.width - x],
    [y - toY, y - box.y],
    [toY - y, box.y + box.height - y],
  ] as const) {
    if (along === 0) {
      if (room < 0) return false;
      continue;
    }
    const at = room / along;
    if (along < 0) enters = Math.max(enters, at);
    else leaves = Math.min(leaves, at);
    if (enters > leaves) return false;
  }
  return true;
}

const CELL = 256;

/** What is seen, in whole cells of the screen with one more on each side: it changes seldom while one moves around. */
export function cellOf([x, y, zoom]: [number, number, number], width: number, height: number): string {
  const size = CELL / zoom;
  const at = [Math.floor(-x / CELL) - 1, Math.floor(-y / CELL) - 1, Math.ceil(width / CELL) + 3, Math.ceil(height / CELL) + 3];
  return at.map((one) => one * size).join();
}

export function boxOfCell(cell: string): Box {
  const [x, y, width, height] = cell.split(",").map(Number);
  return { x: x ?? 0, y: y ?? 0, width: width ?? 0, height: height ?? 0 };
}
