// Frames around groups: what is in one, and what a closed one hides. A closed frame is its title bar alone; links that come out of it
// or lead into it end at the bar.
import { groupsOf, isPinned, notesOf, positionOf, reroutesOf, type Graph, type Group, type Point } from "@/model/document";

export type SizeOf = (node: string) => Point;

export const CLOSED_HEIGHT = 32;
export const groupId = (index: number): string => `group:${index}`;
export const indexOfFrame = (id: string): number => Number(id.slice("group:".length));

export const isFrame = (id: string): boolean => id.startsWith("group:");

/** The nodes in a frame, by their names: those whose middle is in it. */
export function nodesIn(graph: Graph, group: Group, sizeOf: SizeOf): string[] {
  return Object.keys(graph.nodes).filter((name) => {
    const [x, y] = positionOf(graph.nodes[name]!);
    const [width, height] = sizeOf(name);
    return isIn([x + width / 2, y + height / 2], group);
  });
}

/** Everything in a frame, by the ids that `move` knows: nodes, notes, points of links, other frames. */
export function thingsIn(graph: Graph, index: number, sizeOf: SizeOf): string[] {
  const group = groupsOf(graph)[index];
  if (!group) return [];
  const middle = (pos: Point, size: Point): Point => [pos[0] + size[0] / 2, pos[1] + size[1] / 2];
  return [
    ...nodesIn(graph, group, sizeOf),
    ...notesOf(graph).flatMap((one) => (isIn(middle(one.pos, one.size), group) ? [`note:${one.id}`] : [])),
    ...[...reroutesOf(graph).values()].flatMap((one) => (isIn(one.pos, group) ? [`point:${one.id}`] : [])),
    ...groupsOf(graph).flatMap((one, at) => (at !== index && isSmaller(one, group) && isIn(middle(one.pos, one.size), group) ? [groupId(at)] : [])),
  ];
}

/** What closed frames hide: of each thing the frame that is seen in its place, the outermost one. */
export function hiddenIn(graph: Graph, sizeOf: SizeOf): ReadonlyMap<string, string> {
  const hidden = new Map<string, string>();
  const closed = groupsOf(graph)
    .map((group, index) => ({ group, index }))
    .filter(({ group }) => group.collapsed === true)
    .sort((one, other) => area(one.group) - area(other.group));
  for (const { index } of closed) for (const id of thingsIn(graph, index, sizeOf)) hidden.set(id, groupId(index));
  return hidden;
}

const area = ({ size }: Group): number => size[0] * size[1];
const isSmaller = (one: Group, other: Group): boolean => area(one) < area(other);

function isIn([x, y]: Point, { pos, size }: Group): boolean {
  return x >= pos[0] && y >= pos[1] && x <= pos[0] + size[0] && y <= pos[1] + size[1];
}

/** What goes along with a frame: all that is in it and is not pinned. */
export function movableIn(graph: Graph, index: number, sizeOf: SizeOf): string[] {
  return thingsIn(graph, index, sizeOf).filter((id) => !(graph.nodes[id] && isPinned(graph.nodes[id])));
}

/** Where a thing is that is not seen, being in a closed frame. */
export function placeOf(graph: Graph, id: string): Point {
  if (graph.nodes[id]) return positionOf(graph.nodes[id]);
  const [kind, name] = [id.slice(0, id.indexOf(":")), id.slice(id.indexOf(":") + 1)];
  const found = kind === "note" ? notesOf(graph).find((one) => one.id === name) : kind === "point" ? reroutesOf(graph).get(name) : groupsOf(graph)[Number(name)];
  return found?.pos ?? [0, 0];
}
