// Where something new goes so that it is seen: not exactly onto what is there already.
import { groupsOf, notesOf, positionOf, type Graph, type Point } from "@/model/document";

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
