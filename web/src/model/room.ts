// Where something new goes so that it is seen: not onto what is there already.
import type { Catalogue } from "@/model/catalogue";
import { groupsOf, notesOf, positionOf, type Document, type Graph, type Point } from "@/model/document";
import { geometryOf, type Box, type Metrics } from "@/model/geometry";
import { interfaceIn } from "@/model/interface";

const STEP = 32;
/** Corners that are nearer than this, across and down, lie on each other. */
const NEAR = 8;

/** The place that is asked for, or the next one down and to the right where none of these corners, given from it, lies on another. */
export function freePlace(graph: Graph, corners: readonly Point[], at: Point): Point {
  const taken = [...Object.values(graph.nodes).map(positionOf), ...notesOf(graph).map((note) => note.pos), ...groupsOf(graph).map((group) => group.pos)];
  const isTaken = ([x, y]: Point) => corners.some(([right, down]) => taken.some(([otherX, otherY]) => Math.abs(x + right - otherX) < NEAR && Math.abs(y + down - otherY) < NEAR));
  let [x, y] = at;
  while (isTaken([x, y])) [x, y] = [x + STEP, y + STEP];
  return [x, y];
}

/** What is left free between what is put somewhere and what is there. */
const GAP = 24;
/** Places are looked for beside so many boxes, the nearest. */
const NEAREST = 40;

/**
 * The corner, as near as can be to the one that is wanted, at which a box of this size lies on none of these: there, or beside one
 * of them across, down, or both.
 */
export function clearPlace(taken: readonly Box[], [width, height]: Point, wanted: Point): Point {
  const away = ([x, y]: Point) => Math.hypot(x - wanted[0], y - wanted[1]);
  const near = [...taken].sort((one, other) => away([one.x, one.y]) - away([other.x, other.y])).slice(0, NEAREST);
  const across = [wanted[0], ...near.flatMap((one) => [one.x - width - GAP, one.x + one.width + GAP])];
  const down = [wanted[1], ...near.flatMap((one) => [one.y - height - GAP, one.y + one.height + GAP])];
  const corners = across.flatMap((x) => down.map((y): Point => [x, y])).sort((one, other) => away(one) - away(other));
  const isFree = ([x, y]: Point) => taken.every((one) => x >= one.x + one.width || one.x >= x + width || y >= one.y + one.height || one.y >= y + height);
  return corners.find(isFree) ?? wanted;
}

/** Where a node of a graph is, and how large. */
export function boxOfNode(name: string, graph: Graph, document: Document, catalogue: Catalogue, metrics: Metrics): Box {
  const node = graph.nodes[name]!;
  const { width, height } = geometryOf(node, interfaceIn(name, graph, document, catalogue), metrics);
  const [x, y] = positionOf(node);
  return { x, y, width, height };
}
