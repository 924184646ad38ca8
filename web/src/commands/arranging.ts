// How nodes look and where they are: modes, marks, colours, frames, notes, places.
import { activeGraph, chosenNodes, selectedFrames, selectedNodes, selectedNote } from "@/commands/selection";
import { aligned, distributed, type Alignment, type Placed } from "@/model/arrange";
import { stopsAt } from "@/model/bypassing";
import { groupsOf, isPinned, linkOf, notesOf, type Graph, type GraphNode, type Point } from "@/model/document";
import { addGroup, addNote, move, setGroup, setMode, setNodesUi } from "@/model/edit";
import { CLOSED_HEIGHT, groupId, indexOfFrame, thingsIn } from "@/model/frames";
import { DENSITIES, geometryOf, previewRoom } from "@/model/geometry";
import { interfaceIn } from "@/model/interface";
import { titleIn } from "@/model/naming";
import { boxOfNode, freePlace } from "@/model/room";
import { tidied, type PlacedFrame, type Roomy } from "@/model/tidying";
import type { Editor } from "@/store/editor";

export function toggleMode(editor: Editor, mode: "mute" | "bypass"): void {
  const names = chosenNodes(editor);
  const graph = activeGraph(editor);
  const all = names.every((name) => graph?.nodes[name]?.mode === mode);
  if (mode === "bypass" && !all && refusesBypass(editor, names)) return;
  editor.documents.editGraph(all ? editor.t.edits.turnOn : editor.t.edits[mode], (current) => setMode(current, names, all ? "on" : mode));
}

/** Whether something would not come through; which, is said. */
function refusesBypass(editor: Editor, names: readonly string[]): boolean {
  const one = editor.documents.active;
  const graph = activeGraph(editor);
  if (!one || !graph || editor.library.catalogue.size === 0) return false; // before nodes are known, nothing is known to stop
  const healing = { document: one.document, catalogue: editor.library.catalogue };
  const [stop, ...others] = stopsAt(names, graph, healing);
  if (!stop) return false;
  const { node, taker } = stop;
  const called = (name: string) => titleIn(graph, name, one.document, editor.library.catalogue);
  const text = editor.t.says.nothingPasses(called(node), "node" in taker ? called(taker.node) : taker.output, others.length);
  editor.view.say(text, "info", { label: editor.t.says.showNode, run: () => editor.canvas?.reveal(node) });
  return true;
}

export function toggleCollapsed(editor: Editor): void {
  toggleUi(editor, "collapsed", editor.t.edits.collapse, editor.t.edits.expand);
}

export function togglePinned(editor: Editor): void {
  toggleUi(editor, "pinned", editor.t.edits.pin, editor.t.edits.unpin);
}

/** Give the selected nodes and frames a mark; take it away where all have it. */
function toggleUi(editor: Editor, key: "collapsed" | "pinned", give: string, take: string): void {
  const names = selectedNodes(editor);
  const frames = selectedFrames(editor);
  const graph = activeGraph(editor);
  if (!graph || names.length + frames.length === 0) return;
  const groups = groupsOf(graph);
  const all = names.every((name) => graph.nodes[name]?.ui?.[key] === true) && frames.every((index) => groups[index]?.[key] === true);
  const value = all ? undefined : true;
  editor.documents.editGraph(all ? take : give, (current) => {
    const marked = setNodesUi(current, names, { [key]: value });
    return frames.reduce((next, index) => setGroup(next, index, { [key]: value }), marked);
  });
}

/** A colour for the selected nodes and frames; none with null. */
export function colour(editor: Editor, value: string | null): void {
  const names = selectedNodes(editor);
  const frames = selectedFrames(editor);
  editor.documents.editGraph(editor.t.edits.colour, (graph) => {
    const coloured = setNodesUi(graph, names, { color: value ?? undefined, bgcolor: undefined });
    return frames.reduce((next, index) => setGroup(next, index, { color: value ?? undefined }), coloured);
  });
}

/** The selected nodes with their sizes, or all nodes. */
export function boxes(editor: Editor, all = false): Placed[] {
  const one = editor.documents.active;
  const graph = activeGraph(editor);
  if (!one || !graph) return [];
  const names = all ? Object.keys(graph.nodes) : selectedNodes(editor);
  const metrics = DENSITIES[editor.settings.getState().density];
  return names.map((id) => ({ id, ...boxOfNode(id, graph, one.document, editor.library.catalogue, metrics) }));
}

/** The same with the room that each needs below itself while it works. */
function withRoom(editor: Editor, all: readonly Placed[]): Roomy[] {
  const one = editor.documents.active;
  const graph = activeGraph(editor);
  if (!one || !graph) return [];
  const metrics = DENSITIES[editor.settings.getState().density];
  return all.map((box) => {
    const of = interfaceIn(box.id, graph, one.document, editor.library.catalogue);
    return { ...box, room: previewRoom(of, geometryOf(graph.nodes[box.id] as GraphNode, of, metrics)) };
  });
}

function put(editor: Editor, label: string, places: ReadonlyMap<string, Point>): void {
  editor.documents.editGraph(label, (graph) => moved(graph, places));
}

/** All but what is pinned is moved. */
const moved = (graph: Graph, places: ReadonlyMap<string, Point>): Graph => move(graph, new Map([...places].filter(([id]) => !(graph.nodes[id] && isPinned(graph.nodes[id])))));

export function align(editor: Editor, how: Alignment): void {
  put(editor, editor.t.edits.align, aligned(boxes(editor), how));
}

/** Lay out the selected nodes, or all: frames that are whole among them, too, each round what is in it. */
export async function tidy(editor: Editor): Promise<void> {
  const graph = activeGraph(editor);
  const where = editor.documents.place;
  if (!graph || !where) return;
  const some = selectedNodes(editor).length > 1;
  const chosen = withRoom(editor, boxes(editor, !some));
  const frames = framesAmong(editor, graph, some ? new Set(chosen.map(({ id }) => id)) : null);
  const notes = notesOf(graph).map(({ id, pos, size }): Roomy => ({ id: `note:${id}`, x: pos[0], y: pos[1], width: size[0], height: size[1], room: 0 }));
  const framed = new Set(frames.flatMap(({ inside }) => inside));
  const links = Object.entries(graph.nodes).flatMap(([to, node]) =>
    Object.values(node.inputs ?? {}).flatMap((value) => {
      const source = linkOf(value);
      return source ? [{ from: source.node, to }] : [];
    }),
  );
  const { places, sizes } = await tidied([...chosen, ...notes.filter(({ id }) => framed.has(id))], frames, links);
  editor.documents.editAt(where, editor.t.edits.tidy, (current) => [...sizes].reduce((next, [id, [width, height]]) => setGroup(next, indexOfFrame(id), { size: [width, height] }), moved(current, places)));
  const now = editor.documents.place;
  if (!some && now?.uid === where.uid && now.scope === where.scope) editor.canvas?.fit();
}

/** The frames of a graph; with `nodes` those that have nodes in them, and none but these. A pinned one is left as it is. */
function framesAmong(editor: Editor, graph: Graph, nodes: ReadonlySet<string> | null): PlacedFrame[] {
  const size = new Map(boxes(editor, true).map((one): [string, Point] => [one.id, [one.width, one.height]]));
  return groupsOf(graph).flatMap((frame, index) => {
    const inside = thingsIn(graph, index, (name) => size.get(name)!);
    const own = inside.filter((id) => graph.nodes[id]);
    if (frame.pinned === true || (nodes && (own.length === 0 || !own.every((id) => nodes.has(id))))) return [];
    const closed = frame.collapsed === true;
    return [{ id: groupId(index), x: frame.pos[0], y: frame.pos[1], width: frame.size[0], height: closed ? CLOSED_HEIGHT : frame.size[1], closed, inside }];
  });
}

export function group(editor: Editor): void {
  const chosen = boxes(editor);
  const [x, y] = editor.canvas?.centre() ?? [0, 0];
  const box =
    chosen.length > 0
      ? {
          left: Math.min(...chosen.map((one) => one.x)) - 20,
          top: Math.min(...chosen.map((one) => one.y)) - 52,
          right: Math.max(...chosen.map((one) => one.x + one.width)) + 20,
          bottom: Math.max(...chosen.map((one) => one.y + one.height)) + 20,
        }
      : { left: x - 200, top: y - 120, right: x + 200, bottom: y + 120 };
  editor.documents.editGraph(editor.t.edits.group, (graph) =>
    addGroup(graph, { title: titleOfNext(editor, graph), pos: [Math.round(box.left), Math.round(box.top)], size: [Math.round(box.right - box.left), Math.round(box.bottom - box.top)] }),
  );
}

/** An empty frame, to be dragged around what belongs together. */
export function addGroupAt(editor: Editor, at: Point): void {
  editor.documents.editGraph(editor.t.edits.group, (graph) => addGroup(graph, { title: titleOfNext(editor, graph), pos: rounded(freePlace(graph, [[0, 0]], at)), size: [400, 240] }));
  const count = groupsOf(activeGraph(editor)!).length;
  editor.documents.select([groupId(count - 1)]);
}

const titleOfNext = (editor: Editor, graph: Graph) => editor.t.canvas.groupNumber(groupsOf(graph).length + 1);

export function addNoteHere(editor: Editor): void {
  addNoteAt(editor, editor.canvas?.pointed() ?? [0, 0]);
}

export function addNoteAt(editor: Editor, at: Point): void {
  editor.documents.editGraph(editor.t.edits.addNote, (graph) => addNote(graph, { text: "", markdown: true, pos: rounded(freePlace(graph, [[0, 0]], at)), size: [240, 120] }).graph);
  const graph = activeGraph(editor);
  const last = graph && notesOf(graph).at(-1);
  if (last) writeNote(editor, `note:${last.id}`);
}

const rounded = ([x, y]: Point): [number, number] => [Math.round(x), Math.round(y)];

/** Put the caret into a note. */
function writeNote(editor: Editor, id: string): void {
  editor.documents.select([id]);
  editor.view.set({ writing: id });
}

/** Write the name of what is selected; a note has none, so its text. */
export function rename(editor: Editor): void {
  const note = selectedNote(editor);
  if (note !== null) return writeNote(editor, note);
  const frame = selectedFrames(editor)[0];
  editor.view.set({ renaming: selectedNodes(editor)[0] ?? (frame === undefined ? null : groupId(frame)) });
}

/** Begin to write where there is something to write in what is selected: a note, or a node's first field. */
export function editField(editor: Editor): void {
  const note = selectedNote(editor);
  if (note !== null) writeNote(editor, note);
  else editor.canvas?.editField(selectedNodes(editor)[0] ?? "");
}

export function distribute(editor: Editor, axis: "x" | "y"): void {
  put(editor, editor.t.edits.distribute, distributed(boxes(editor), axis));
}
