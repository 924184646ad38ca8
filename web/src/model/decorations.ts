// What lies beside the nodes of a graph, put into another: notes, frames, points of links.
import { freshName, groupsOf, notesOf, reroutesOf, withUi, type Graph, type Group, type Note, type Point, type ReroutePoint } from "@/model/document";
import { freePointIds } from "@/model/points";

interface Decorated {
  graph: Graph;
  /** The ids of the notes that were put in. */
  notes: string[];
  /** The ids that the points have now, by those they had. */
  points: ReadonlyMap<string, string>;
}

export function withDecorations(graph: Graph, from: Graph, placed: (at: Point) => [number, number]): Decorated {
  const notes = named(notesOf(from), graph).map((one) => ({ ...one, pos: placed(one.pos) }));
  const groups = groupsOf(from).map((one) => ({ ...one, pos: placed(one.pos) }));
  const points = [...reroutesOf(from).values()];
  const ids = freePointIds(graph, points);
  const renamed = points.map((one) => renumbered({ ...one, pos: placed(one.pos) }, ids));
  const noted = joined(graph, "notes", notesOf(graph), notes);
  const framed = joined(noted, "groups", groupsOf(graph), groups);
  return { graph: joined(framed, "reroutes", [...reroutesOf(graph).values()], renamed), notes: notes.map((one) => one.id), points: ids };
}

function named(notes: readonly Note[], graph: Graph): Note[] {
  const taken = new Set(notesOf(graph).map((one) => one.id));
  return notes.map((note) => {
    const id = freshName("note", taken);
    taken.add(id);
    return { ...note, id };
  });
}

function renumbered({ parent, ...point }: ReroutePoint, ids: ReadonlyMap<string, string>): ReroutePoint {
  const before = parent === undefined ? undefined : ids.get(String(parent));
  return { ...point, id: ids.get(point.id)!, ...(before === undefined ? {} : { parent: before }) };
}

function joined<Entry extends Note | Group | ReroutePoint>(graph: Graph, key: string, before: readonly Entry[], more: readonly Entry[]): Graph {
  return more.length > 0 ? withUi(graph, key, [...before, ...more]) : graph;
}
