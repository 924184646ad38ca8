// A selection becomes a subgraph, and a subgraph becomes what is in it again.
import { activeGraph, selectedNodes } from "@/commands/selection";
import { graphAt, notesOf, withGraph, type Document, type Graph, type Point, type Scope } from "@/model/document";
import { move } from "@/model/edit";
import { DENSITIES, type Box } from "@/model/geometry";
import { addSubgraph, createSubgraph } from "@/model/packing";
import { boxOfNode, clearPlace, freePlace } from "@/model/room";
import { unpackSubgraph } from "@/model/unpacking";
import { scopeOf } from "@/store/documents";
import type { Editor } from "@/store/editor";

export function makeSubgraph(editor: Editor): void {
  const one = editor.documents.active;
  if (!one) return;
  const scope = scopeOf(one);
  const selected = selectedNodes(editor);
  let name = "";
  editor.documents.edit(one.uid, editor.t.edits.makeSubgraph, (document) => {
    const made = createSubgraph(document, scope, new Set(selected), "Subgraph");
    if (!made) return document;
    name = made.name;
    return settled(editor, made.document, scope, name, selected.map((node) => boxIn(editor, document, scope, node)));
  });
  if (name) editor.documents.select([name]);
}

/** An empty subgraph, to be entered and filled. */
export function addSubgraphAt(editor: Editor, at: Point): void {
  const one = editor.documents.active;
  if (!one) return;
  const scope = scopeOf(one);
  let name = "";
  editor.documents.edit(one.uid, editor.t.edits.makeSubgraph, (document) => {
    const made = addSubgraph(document, scope, freePlace(graphAt(document, scope), [[0, 0]], at), "Subgraph");
    name = made.name;
    return made.document;
  });
  editor.documents.select([name]);
}

/** A new instance in the middle of where its nodes were, or beside what it would lie on there. */
function settled(editor: Editor, document: Document, scope: Scope, name: string, before: readonly Box[]): Document {
  const graph = graphAt(document, scope);
  const left = Math.min(...before.map((box) => box.x));
  const top = Math.min(...before.map((box) => box.y));
  const right = Math.max(...before.map((box) => box.x + box.width));
  const bottom = Math.max(...before.map((box) => box.y + box.height));
  const own = boxIn(editor, document, scope, name);
  const others = Object.keys(graph.nodes).filter((node) => node !== name);
  const taken = [...others.map((node) => boxIn(editor, document, scope, node)), ...notesIn(graph)];
  const at = clearPlace(taken, [own.width, own.height], [(left + right - own.width) / 2, (top + bottom - own.height) / 2]);
  return withGraph(document, scope, (current) => move(current, new Map([[name, at]])));
}

function boxIn(editor: Editor, document: Document, scope: Scope, name: string): Box {
  return boxOfNode(name, graphAt(document, scope), document, editor.library.catalogue, DENSITIES[editor.settings.getState().density]);
}

const notesIn = (graph: Graph): Box[] => notesOf(graph).map(({ pos: [x, y], size: [width, height] }) => ({ x, y, width, height }));

export function unpack(editor: Editor): void {
  const one = editor.documents.active;
  const instance = selectedNodes(editor)[0];
  if (!one || !instance) return;
  if (activeGraph(editor)?.nodes[instance]?.mode === "bypass") {
    editor.view.say(editor.t.says.unpackBypassed);
    return;
  }
  let names: string[] = [];
  editor.documents.edit(one.uid, editor.t.edits.unpack, (document) => {
    const made = unpackSubgraph(document, scopeOf(one), instance);
    names = made?.names ?? [];
    return made?.document ?? document;
  });
  editor.documents.select(names);
}
